"""ONNX graphs with the signature of YOLOv8, a few kilobytes each, that the tests build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_yolo(
    path: Path,
    answers: npt.NDArray[np.float32],
    *,
    size: tuple[int, int] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A model that answers the same whatever it sees.

    Args:
        path: where to write it.
        answers: shape `(channels, anchors)`, its output.
        size: fixed `(height, width)` of the input; None for a dynamic one.
        metadata: as Ultralytics writes it.
    """
    shape: list[Any] = [1, 3, *size] if size else ["batch", 3, "height", "width"]
    constant = numpy_helper.from_array(answers[None].astype(np.float32), "answers")
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    nodes = [
        helper.make_node("GlobalMaxPool", ["images"], ["most"]),
        helper.make_node("ReduceMax", ["most"], ["peak"], keepdims=0),
        helper.make_node("Mul", ["peak", "zero"], ["nothing"]),
        helper.make_node("Add", ["answers", "nothing"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, *answers.shape])],
        [constant, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {"names": "{0: 'face'}"})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def save_brightest_spot(path: Path) -> Path:
    """A model that finds one 64 x 64 face, as sure as the input's brightest value.

    Its centre is that of the input, which it reads from the size it is given.
    """
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"]),
        helper.make_node("Slice", ["shape", "two", "four"], ["hw"]),
        helper.make_node("Cast", ["hw"], ["hw_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["hw_float", "half"], ["middle"]),
        helper.make_node("Gather", ["middle", "swap"], ["xy"]),
        helper.make_node("ReduceMax", ["images"], ["peak"], keepdims=0),
        helper.make_node("Unsqueeze", ["peak", "zero"], ["sure"]),
        helper.make_node("Concat", ["xy", "side", "sure"], ["face"], axis=0),
        helper.make_node("Reshape", ["face", "form"], ["output0"]),
    ]
    constants: dict[str, npt.NDArray[Any]] = {
        "two": np.array([2], np.int64),
        "four": np.array([4], np.int64),
        "half": np.array([0.5], np.float32),
        "swap": np.array([1, 0], np.int64),
        "zero": np.array([0], np.int64),
        "side": np.array([64, 64], np.float32),
        "form": np.array([1, 5, 1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "brightest",
        [
            helper.make_tensor_value_info(
                "images", TensorProto.FLOAT, ["batch", 3, "height", "width"]
            )
        ],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 5, "anchors"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
