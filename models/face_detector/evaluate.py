"""Measure face detectors on the part of WIDER FACE val that no training saw.

    evaluate.py --data DIR --portraits DIR --peers DIR --out figures.json

Writes JSON: AP easy, medium and hard by WIDER's own protocol, recall by the height of the face,
time an image on one core, and how many portraits are found when cut tight. Runs in the
environment of `make accuracy`, which prints the tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from close_ups import tight_portraits
from detectors import (
    Detect,
    join,
    landmark_service,
    mediapipe_full_range,
    yolo_onnx,
    yolo_tflite,
    yunet,
)
from sources import split_of
from wider import (
    Array,
    Truth,
    evaluate,
    faces_by_height,
    precision_at,
    read_truth,
    recall_by_height,
)

HERE = Path(__file__).parent
OURS = "face_detector"
LONG_SIDES = ("640+224", "640", "1024+320")
AS_IT_RUNS = "landmark_service"
WORKING_THRESHOLDS = {"mediapipe": 0.5, "yunet": 0.6}
OTHER_THRESHOLD = 0.35
"""Where a user would set each: MediaPipe's default, and about equal precision for the rest."""


def ours(model: Path, sides: str) -> Detect:
    """Load our own at one long side, or at several whose boxes are put together (`640+224`)."""
    parts = [yolo_onnx(model, int(side)) for side in sides.split("+")]
    return join(parts) if len(parts) > 1 else parts[0]


def loaders(model: Path, peers: Path) -> dict[str, Callable[[], Detect]]:
    """Name what is measured: ours at each long side, ours as it is served, and the peers."""
    path = peers / "face_detection_yunet_2023mar.onnx"
    return {
        **{f"{OURS}@{sides}": partial(ours, model, sides) for sides in LONG_SIDES},
        AS_IT_RUNS: partial(landmark_service, model),
        "mediapipe_full_range": mediapipe_full_range,
        "yunet@original": partial(yunet, path),
        "yunet@640": partial(yunet, path, 640),
        "yolov8n-face_int8@640": partial(yolo_tflite, peers / "yolov8n-face_int8.tflite"),
    }


def threshold_of(name: str) -> float:
    """Give the score from which a detection counts as found."""
    chosen = (value for part, value in WORKING_THRESHOLDS.items() if part in name)
    return next(chosen, OTHER_THRESHOLD)


def measure(
    name: str, detect: Detect, images: dict[str, Path], truth: dict[str, Truth]
) -> dict[str, Any]:
    """Run one detector over the images. What gives no boxes under its threshold has no AP."""
    found: dict[str, Array] = {}
    seconds = 0.0
    for key, path in images.items():
        image = cv2.imread(str(path))
        start = time.process_time()
        found[key] = detect(image).astype(float)
        seconds += time.process_time() - start
    threshold = threshold_of(name)
    return {
        "ap": None if name == AS_IT_RUNS else evaluate(found, truth),
        "threshold": threshold,
        "precision": precision_at(found, truth, threshold),
        "recall_by_height": recall_by_height(found, truth, threshold),
        "recall_by_height_iou_0.3": recall_by_height(found, truth, threshold, 0.3),
        "cpu_ms_an_image": round(1000 * seconds / len(images), 1),
    }


def reported_images(data: Path, truth: dict[str, Truth], every: int) -> dict[str, Path]:
    """List each `every`-th of the reported images."""
    root = next((data / "wider").rglob("images"))
    keys = sorted(key for key in truth if split_of(Path(key).name + ".jpg") == "validation")
    return {key: root / f"{key}.jpg" for key in keys[::every]}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model", type=Path, default=HERE / "face_detector.onnx")
    parser.add_argument("--peers", type=Path, required=True, help="folder of YuNet, yolov8n-face")
    parser.add_argument("--portraits", type=Path, required=True, help="folder of portraits")
    parser.add_argument("--only", default="", help="only detectors whose name holds this")
    parser.add_argument("--every", type=int, default=1, help="measure each n-th image only")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Measure each detector, say so as it goes, and write the file."""
    args = arguments()
    cv2.setNumThreads(1)
    truth = read_truth(next(args.data.rglob("wider_hard_val.mat")).parent)
    images = reported_images(args.data, truth, args.every)
    finder = yunet(args.peers / "face_detection_yunet_2023mar.onnx", 640)
    figures: dict[str, Any] = {}
    for name, load in loaders(args.model, args.peers).items():
        if args.only in name:
            detect = load()
            figures[name] = measure(name, detect, images, truth)
            figures[name]["tight_portraits"] = tight_portraits(
                detect, threshold_of(name), finder, args.portraits
            )
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    report = {
        "sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "every": args.every,
        "images": len(images),
        "faces_by_height": faces_by_height([truth[key] for key in images]),
        "detectors": figures,
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
