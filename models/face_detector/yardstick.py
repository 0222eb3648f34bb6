"""Make the graph that times are divided by: YOLOv8n of one class, built from Ultralytics' yaml.

    yardstick.py --out benchmarks/yolov8n_graph.onnx

Its weights do not matter to its speed, so each is one repeated number: the file holds the graph
alone. Runs where Ultralytics is installed; `evaluate.py` needs only the file.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torchvision_stand_in
from onnx import helper, numpy_helper

os.environ["YOLO_AUTOINSTALL"] = "false"
torchvision_stand_in.install()

from ultralytics import YOLO  # noqa: E402
from ultralytics.nn.tasks import yaml_model_load  # noqa: E402
from ultralytics.utils import YAML  # noqa: E402

OPSET = 17
LARGE = 64
WEIGHT = 0.01


def without_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Put a node that repeats one number in the place of each large array of weights."""
    nodes, kept = [], []
    for array in graph.graph.initializer:
        if array.data_type != onnx.TensorProto.FLOAT or np.prod(array.dims) < LARGE:
            kept.append(array)
            continue
        shape = numpy_helper.from_array(np.array(array.dims, np.int64), f"{array.name}.shape")
        value = helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [WEIGHT])
        kept.append(shape)
        nodes.append(helper.make_node("ConstantOfShape", [shape.name], [array.name], value=value))
    nodes += graph.graph.node
    del graph.graph.node[:], graph.graph.initializer[:], graph.graph.value_info[:]
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(kept)
    onnx.checker.check_model(graph)
    return graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        previous = Path.cwd()
        os.chdir(folder)  # Ultralytics writes into the working folder
        YAML.save("yolov8n.yaml", yaml_model_load("yolov8n.yaml") | {"nc": 1})
        written = YOLO("yolov8n.yaml").export(
            format="onnx", dynamic=True, opset=OPSET, simplify=True, imgsz=640, device="cpu"
        )
        graph = onnx.load(written)
        os.chdir(previous)
    onnx.save(without_weights(graph), args.out)


if __name__ == "__main__":
    main()
