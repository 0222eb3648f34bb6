"""Export a training checkpoint through Ultralytics to ONNX, and check the graph against torch.

    export.py --run runs/first --out models/face_detector

Writes `face_detector.onnx` (dynamic batch, height and width; float32) and `face_detector.pt`
(half precision, for `ultralytics.YOLO` and further training), and prints the SHA-256 of both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision_stand_in
from train import new_model

os.environ["YOLO_AUTOINSTALL"] = "false"
torchvision_stand_in.install()

from ultralytics import YOLO  # noqa: E402

OPSET = 17


def save_checkpoint(run: Path, target: Path) -> None:
    """Write the averaged weights the way Ultralytics reads them."""
    model = new_model()
    model.load_state_dict(torch.load(run / "last.pt", weights_only=True)["ema"])
    model.args = {"task": "detect", "imgsz": 640, "model": "yolov8n.yaml"}
    model = model.to(memory_format=torch.contiguous_format).half()
    torch.save({"epoch": -1, "model": model, "train_args": {**model.args}}, target)


def export(checkpoint: Path, target: Path) -> None:
    """Let Ultralytics write the ONNX file, and save it as `target`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(checkpoint, folder))
        written = YOLO(copy).export(
            format="onnx", dynamic=True, opset=OPSET, simplify=True, imgsz=640, device="cpu"
        )
        graph = onnx.load(written)
    del graph.graph.value_info[:]  # shapes of inner values: bulk that nothing reads
    onnx.save(graph, target)


def largest_difference(checkpoint: Path, graph: Path) -> float:
    """Compare both on random images of two shapes; give the largest difference of a value."""
    model = YOLO(checkpoint).model.float().fuse().eval()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    differences = []
    for shape in ((1, 3, 320, 640), (2, 3, 96, 64)):
        images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = model(images)[0].numpy()
        given = session.run(None, {"images": images.numpy()})[0]
        if given.shape != expected.shape:
            raise ValueError(f"the graph gives {given.shape}, torch {expected.shape}")
        differences.append(np.abs(given - expected).max())
    return float(max(differences))


def main() -> None:
    """Export, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint, graph = args.out / "face_detector.pt", args.out / "face_detector.onnx"
    save_checkpoint(args.run, checkpoint)
    export(checkpoint, graph)
    print(f"largest difference from torch: {largest_difference(checkpoint, graph):.2g}")
    for path in (checkpoint, graph):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.name)


if __name__ == "__main__":
    main()
