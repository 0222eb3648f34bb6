"""Export weights through Ultralytics to ONNX, and check the graph against torch.

    export.py --run runs/first --out models/face_detector
    export.py --pt face_detector.pt

The first writes `weights.npz` (half precision, plain arrays: what the next training begins with),
`face_detector.onnx` (dynamic batch, height and width; float32), its record for the model
catalogue, and `parity.npz`: what torch answers to seeded inputs, which a test holds against the
graph. The second makes the file that `ultralytics.YOLO` loads from the weights beside this program.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from network import new_model, read_weights, write_weights
from ultralytics import YOLO

WEIGHTS = "weights.npz"

OPSET = 17
PARITY_SEED = 0
PARITY_SHAPES = ((1, 160, 256), (2, 96, 64))


def save_checkpoint(weights: Path, target: Path) -> None:
    """Write the weights the way Ultralytics reads them."""
    model = new_model()
    model.load_state_dict(read_weights(weights))
    model.args = {"task": "pose", "imgsz": 640, "model": "yolov8-pose.yaml"}
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


def torch_answers(checkpoint: Path) -> list[npt.NDArray[np.float32]]:
    """Run the checkpoint on seeded images of two shapes."""
    model = YOLO(checkpoint).model.float().fuse().eval()
    with torch.no_grad():
        return [model(torch.from_numpy(images))[0].numpy() for images in parity_inputs()]


def parity_inputs() -> list[npt.NDArray[np.float32]]:
    """Give noise in blocks of 8 px; the test of the fixture makes the same."""
    random = np.random.default_rng(PARITY_SEED)
    return [
        random.random((n, 3, height // 8, width // 8), np.float32).repeat(8, 2).repeat(8, 3)
        for n, height, width in PARITY_SHAPES
    ]


def largest_difference(graph: Path, expected: list[npt.NDArray[np.float32]]) -> float:
    """Compare the graph with torch; give the largest difference of a value."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    differences = []
    for images, answer in zip(parity_inputs(), expected, strict=True):
        given = session.run(None, {"images": images})[0]
        if given.shape != answer.shape:
            raise ValueError(f"the graph gives {given.shape}, torch {answer.shape}")
        differences.append(np.abs(given - answer).max())
    return float(max(differences))


def write_parity(folder: Path, graph: Path, answers: list[npt.NDArray[np.float32]]) -> None:
    """Keep torch's answers beside the weights, with the SHA-256 of the graph they belong to."""
    arrays: dict[str, Any] = {f"answer{place}": answer for place, answer in enumerate(answers)}
    np.savez_compressed(
        folder / "parity.npz",
        seed=PARITY_SEED,
        shapes=np.array(PARITY_SHAPES),
        sha256=sha256_of(graph),
        **arrays,
    )


def write_record(graph: Path) -> None:
    """Describe the graph for the model catalogue, which checks it against the SHA-256."""
    record = {
        "name": "facepipe-yolov8-face",
        "sha256": sha256_of(graph),
        "licence": "AGPL-3.0-or-later",
        "source": "trained by this project; models/face_detector/card.md names the photographs",
    }
    graph.with_name(f"{graph.name}.json").write_text(json.dumps(record, indent=2) + "\n")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe(checkpoint: Path, graph: Path) -> None:
    """Write what belongs to a graph: its record, and torch's answers to compare it with."""
    answers = torch_answers(checkpoint)
    print(f"largest difference from torch: {largest_difference(graph, answers):.2g}")
    write_parity(graph.parent, graph, answers)
    write_record(graph)
    print(sha256_of(graph), graph.stat().st_size, graph.name)


def main() -> None:
    """Export, compare, print."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--run", type=Path, help="export the checkpoint of this folder")
    task.add_argument("--pt", type=Path, help="make this file of the weights that are there")
    parser.add_argument("--out", type=Path, default=here)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.pt:
        save_checkpoint(here / WEIGHTS, args.pt)
        return
    weights, graph = args.out / WEIGHTS, args.out / "face_detector.onnx"
    write_weights(torch.load(args.run / "last.pt", weights_only=True)["ema"], weights)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "face_detector.pt"
        save_checkpoint(weights, checkpoint)
        export(checkpoint, graph)
        describe(checkpoint, graph)


if __name__ == "__main__":
    main()
