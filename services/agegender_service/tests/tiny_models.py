"""ONNX graphs with DeepFace's signature, a few kilobytes each, and what they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

# Channels differ and places differ, so swapped channels or a flipped image are noticed.
_GRID = 4


def _weights(classes: int, seed: int) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.normal(0, 3, (_GRID * _GRID * 3, classes)).astype(np.float32)


def save_model(path: Path, classes: int, seed: int) -> None:
    """Means over a 4x4 grid -> one linear layer -> softmax; (n, 224, 224, 3) in."""
    nodes = [
        helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["means"], kernel_shape=[56, 56], strides=[56, 56]
        ),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("MatMul", ["features", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["output"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 224, 224, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(_weights(classes, seed), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def save_joint(path: Path, outputs: dict[str, int] | None = None) -> None:
    """The same features with several answers: by default 101 ages, 2 genders and 4 cues.

    The seeds of the answers are 1, 2, 3.
    """
    outputs = {"ages": 101, "genders": 2, "quality_cues": 4} if outputs is None else outputs
    nodes = [
        helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["means"], kernel_shape=[56, 56], strides=[56, 56]
        ),
        helper.make_node("Flatten", ["means"], ["features"]),
    ]
    for name in outputs:
        nodes += [
            helper.make_node("MatMul", ["features", f"{name}_w"], [f"{name}_logits"]),
            helper.make_node("Softmax", [f"{name}_logits"], [name], axis=1),
        ]
    graph = helper.make_graph(
        nodes,
        "tiny joint",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 224, 224, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", classes])
            for name, classes in outputs.items()
        ],
        [
            numpy_helper.from_array(_weights(classes, seed), f"{name}_w")
            for seed, (name, classes) in enumerate(outputs.items(), 1)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def save_with_first_output(path: Path, into: Path, output: str) -> None:
    """The graph as DeepFace alone can read it: it takes the first output for the answer."""
    model = onnx.load(str(path))
    outputs = sorted(model.graph.output, key=lambda value: value.name != output)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, str(into))


def expected_output(
    crops_rgb: npt.NDArray[np.uint8], classes: int, seed: int
) -> npt.NDArray[np.float64]:
    """The same by hand, from what DeepFace feeds: BGR, 0-1."""
    bgr = crops_rgb[..., ::-1].astype(np.float64) / 255
    cells = bgr.reshape(len(bgr), _GRID, 56, _GRID, 56, 3).mean(axis=(2, 4))
    features = cells.transpose(0, 3, 1, 2).reshape(len(bgr), -1)
    logits = features @ _weights(classes, seed)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def some_crops(count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Blocks of colour, different in each crop and each corner."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (count, 7, 7, 3), dtype=np.uint8)
    return blocks.repeat(32, axis=1).repeat(32, axis=2)
