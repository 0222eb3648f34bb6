"""Measure face detectors on the part of WIDER FACE val that no training saw.

    evaluate.py --data DIR --ground-truth DIR --portraits DIR --model face_detector.onnx \
        [--peers DIR] [--images 968] --out metrics.json

Prints a table and writes JSON: AP easy, medium and hard by WIDER's own protocol, recall by the
height of the face, time an image on one core, and how many portraits are found when cut tight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from detectors import Detect, Detections, join, mediapipe_full_range, yolo_onnx, yolo_tflite, yunet
from prepare import split_of
from wider import Array, Truth, evaluate, precision_at, read_truth, recall_by_height

HERE = Path(__file__).parent
WORKING_THRESHOLDS = {"mediapipe": 0.5, "yunet": 0.6, "face_detector": 0.35, "yolov8n": 0.35}
"""Where a user would set each: MediaPipe's default, and about equal precision for the rest."""


def ours(model: Path, sides: str) -> Detect:
    """Load our own at one long side, or at several whose boxes are put together (`640+224`)."""
    parts = [yolo_onnx(model, int(side)) for side in sides.split("+")]
    return join(parts) if len(parts) > 1 else parts[0]


def chosen_detectors(args: argparse.Namespace) -> Iterator[tuple[str, Detect]]:
    """Load ours at each long side, and the peers if their folder is given, one at a time."""
    loaders: dict[str, Callable[[], Detect]] = {
        f"face_detector@{sides}": partial(ours, args.model, sides) for sides in args.long_side
    }
    if args.peers:
        path = args.peers / "face_detection_yunet_2023mar.onnx"
        loaders["mediapipe_full_range"] = mediapipe_full_range
        loaders["yunet@original"] = partial(yunet, path)
        loaders["yunet@640"] = partial(yunet, path, 640)
        loaders["yolov8n-face_int8@640"] = partial(
            yolo_tflite, args.peers / "yolov8n-face_int8.tflite"
        )
    for name, load in loaders.items():
        if not args.only or args.only in name:
            yield name, load()


def measure(
    name: str, detect: Detect, images: dict[str, Path], truth: dict[str, Truth]
) -> dict[str, Any]:
    """Run one detector over the images."""
    found: dict[str, Array] = {}
    seconds = 0.0
    for key, path in images.items():
        image = cv2.imread(str(path))
        start = time.process_time()
        found[key] = detect(image).astype(float)
        seconds += time.process_time() - start
    threshold = next(t for part, t in WORKING_THRESHOLDS.items() if part in name)
    return {
        "ap": evaluate(found, truth),
        "threshold": threshold,
        "precision": precision_at(found, truth, threshold),
        "recall_by_height": recall_by_height(found, truth, threshold),
        "recall_by_height_iou_0.3": recall_by_height(found, truth, threshold, 0.3),
        "cpu_ms_an_image": round(1000 * seconds / len(images), 1),
        "images": len(images),
    }


def portraits_found(detect: Detect, threshold: float, finder: Detect, folder: Path) -> str:
    """Cut portraits to the face's own box, then 10 % in and out; count those still found."""
    hits = total = 0
    for path in sorted(folder.glob("*.jpg")):
        image = cv2.imread(str(path))
        left, top, right, bottom = finder(image)[0, :4]
        for grow in (-0.1, 0.0, 0.1, 0.3):
            x, y = grow * (right - left) / 2, grow * (bottom - top) / 2
            rows = slice(max(0, int(top - y)), int(bottom + y))
            crop = image[rows, max(0, int(left - x)) : int(right + x)]
            total += 1
            hits += fills(detect(np.ascontiguousarray(crop)), crop.shape, threshold)
    return f"{hits}/{total}"


def fills(found: Detections, shape: tuple[int, ...], threshold: float) -> bool:
    """Say whether a detection covers at least 40 % of the crop."""
    edges = np.array([shape[1], shape[0]] * 2)
    boxes = found[found[:, 4] >= threshold, :4].clip(0, edges)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return bool((areas > 0.4 * shape[0] * shape[1]).any())


def reported_images(data: Path, truth: dict[str, Truth], at_most: int) -> dict[str, Path]:
    """List the reported images, a seeded choice of them if there are more than asked for."""
    root = next((data / "wider").rglob("images"))
    keys = sorted(key for key in truth if split_of(Path(key).name + ".jpg") == "report")
    if len(keys) > at_most:
        keys = sorted(random.Random(0).sample(keys, at_most))
    return {key: root / f"{key}.jpg" for key in keys}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--ground-truth", type=Path, help="the .mat files; found under --data")
    parser.add_argument("--model", type=Path, default=HERE / "face_detector.onnx")
    parser.add_argument("--peers", type=Path, help="folder with YuNet and yolov8n-face")
    parser.add_argument("--portraits", type=Path, help="folder with the London portraits")
    parser.add_argument("--long-side", nargs="*", default=["640+224", "640", "1024+320"])
    parser.add_argument("--only", help="measure only detectors whose name holds this")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.ground_truth is None:
        args.ground_truth = next(args.data.rglob("wider_hard_val.mat")).parent
    return args


def main() -> None:
    """Measure each detector, print as it goes, and merge the figures into the JSON file."""
    args = arguments()
    cv2.setNumThreads(1)
    truth = read_truth(args.ground_truth)
    images = reported_images(args.data, truth, args.images)
    figures = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    for name, detect in chosen_detectors(args):
        figures[name] = measure(name, detect, images, truth)
        if args.portraits and args.peers:
            finder = yunet(args.peers / "face_detection_yunet_2023mar.onnx", 640)
            figures[name]["tight_portraits_found"] = portraits_found(
                detect, figures[name]["threshold"], finder, args.portraits
            )
        print(name, json.dumps(figures[name]), flush=True)
        if args.out:
            args.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
