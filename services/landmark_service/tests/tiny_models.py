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
    return _save(graph, path, metadata or {"names": "{0: 'face'}"})


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
    return _save(graph, path, {})


def save_refiner(path: Path, *, side: int = 48, metadata: dict[str, str] | None = None) -> Path:
    """A refiner that is as sure as its crop is bright, and moves each box by ten pixels.

    Args:
        path: where to write it.
        side: of its crops, pixels.
        metadata: None is that of a refiner that sees half as much again as the candidate.
    """
    parts = {"axes": [1, 2, 3], "start": [0], "end": [4], "along": [1], "one": [1]}
    constants = [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in parts.items()]
    constants.append(numpy_helper.from_array(np.array(10, np.float32), "ten"))
    nodes = [
        helper.make_node("ReduceMean", ["crops", "axes"], ["bright"], keepdims=0),
        helper.make_node("Unsqueeze", ["bright", "one"], ["sure"]),
        helper.make_node("Slice", ["candidates", "start", "end", "along"], ["boxes"]),
        helper.make_node("Add", ["boxes", "ten"], ["moved"]),
        helper.make_node("Concat", ["moved", "sure"], ["refined"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "refiner",
        [
            helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, side, side]),
            helper.make_tensor_value_info("candidates", TensorProto.FLOAT, ["n", 5]),
        ],
        [helper.make_tensor_value_info("refined", TensorProto.FLOAT, ["n", 5])],
        constants,
    )
    return _save(graph, path, {"context": "1.5"} if metadata is None else metadata, opset=18)


def _save(graph: onnx.GraphProto, path: Path, metadata: dict[str, str], opset: int = 17) -> Path:
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
