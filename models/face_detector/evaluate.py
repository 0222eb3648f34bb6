"""Measure face detectors on photographs that no training saw.

    evaluate.py --data DIR --test-data DIR --sets DIR --out figures.json

Writes JSON: AP easy, medium and hard on the rest of WIDER FACE val by WIDER's own protocol, recall
by the height of the face, time an image on one core, how many portraits are found when cut tight;
and of ours as it is served what `served.py` counts, and AP on the report part of WIDER FACE train,
which no choice was made on. Runs in the environment of `make accuracy`, which prints the tables.
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
from served import pixels_of, served_figures, time_ratio
from sources import WIDER_SPLIT, read_truth, split_of, split_of_train, wider_rows
from wider import (
    Array,
    Truth,
    evaluate,
    faces_by_height,
    precision_at,
    recall_by_height,
    truth_by_height,
)

HERE = Path(__file__).parent
OURS = "face_detector"
LONG_SIDES = ("640+224", "640", "1024+320")
AS_IT_RUNS = "landmark_service"
SERVED_THRESHOLD, CURVE_THRESHOLD, BARE_THRESHOLD = 0.5, 0.02, 0.38
"""The default of the service, what it is lowered to for a curve, and that without the refiner."""
WORKING_THRESHOLDS = {
    "mediapipe": 0.5,
    "yunet": 0.6,
    OURS: BARE_THRESHOLD,
    AS_IT_RUNS: SERVED_THRESHOLD,
}
OTHER_THRESHOLD = 0.35
"""Where a user would set each: a default, or about equal precision."""
TIMED_EVERY = 20
YARDSTICK = HERE.parent.parent / "benchmarks" / "yolov8n_graph.onnx"


def ours(model: Path, sides: str) -> Detect:
    """Load our own at one long side, or at several whose boxes are put together (`640+224`)."""
    parts = [yolo_onnx(model, int(side)) for side in sides.split("+")]
    return join(parts) if len(parts) > 1 else parts[0]


def loaders(model: Path, peers: Path) -> dict[str, Callable[[], Detect]]:
    """Name what is measured: ours at each long side, ours as it is served, and the peers."""
    path = peers / "face_detection_yunet_2023mar.onnx"
    return {
        **{f"{OURS}@{sides}": partial(ours, model, sides) for sides in LONG_SIDES},
        AS_IT_RUNS: partial(landmark_service, model, CURVE_THRESHOLD),
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
    """Run one detector over the images."""
    found: dict[str, Array] = {}
    seconds = 0.0
    for key, path in images.items():
        image = pixels_of(path)
        start = time.process_time()
        found[key] = detect(image).astype(float)
        seconds += time.process_time() - start
    threshold = threshold_of(name)
    return {
        "ap": evaluate(found, truth),
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


def report_part(data: Path) -> tuple[dict[str, Path], dict[str, Truth]]:
    """List the report part of WIDER train: the photographs that are there, and their truth."""
    folder = data / "wider_train"
    rows = [
        row
        for row in wider_rows(data / "lyh" / WIDER_SPLIT / "wider_face_train.mat")
        if split_of_train(f"{Path(row[0]).name}.jpg") == "report"
        and (folder / f"{Path(row[0]).name}.jpg").exists()
    ]
    images = {key: folder / f"{Path(key).name}.jpg" for key, _, _ in rows}
    return images, truth_by_height(rows)


def served(args: argparse.Namespace, images: dict[str, Path], finder: Detect) -> dict[str, Any]:
    """Measure what only concerns our own as it is served."""
    places = {
        "portraits": args.test_data / "photos" / "london",
        "field": args.test_data / "field",
        "sets": args.sets,
    }
    figures = served_figures(args.model, YARDSTICK, SERVED_THRESHOLD, finder, places)
    timed = [pixels_of(path) for path in list(images.values())[::TIMED_EVERY]]
    detect = landmark_service(args.model)
    figures["time_ratio_wider"] = time_ratio(detect, YARDSTICK, timed)
    photographs, truth = report_part(args.data)
    low = landmark_service(args.model, CURVE_THRESHOLD)
    figures["report"] = measure(
        AS_IT_RUNS, low, dict(list(photographs.items())[:: args.every]), truth
    )
    figures["report"]["images"] = len(photographs)
    return figures


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model", type=Path, default=HERE / "face_detector.onnx")
    parser.add_argument("--test-data", type=Path, required=True, help="peers, portraits, field")
    parser.add_argument("--sets", type=Path, required=True, help="what evaluation_sets/ lists")
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
    peers, portraits = args.test_data / "models", args.test_data / "photos" / "london"
    finder = yunet(peers / "face_detection_yunet_2023mar.onnx", 640)
    figures: dict[str, Any] = {}
    for name, load in loaders(args.model, peers).items():
        if args.only in name:
            detect = load()
            figures[name] = measure(name, detect, images, truth)
            figures[name]["tight_portraits"] = tight_portraits(
                detect, threshold_of(name), finder, portraits
            )
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    refiner = args.model.with_name("face_refiner.onnx")
    report = {
        "sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "refiner_sha256": hashlib.sha256(refiner.read_bytes()).hexdigest(),
        "every": args.every,
        "images": len(images),
        "faces_by_height": faces_by_height([truth[key] for key in images]),
        "detectors": figures,
    }
    if args.only in AS_IT_RUNS:
        report["served"] = served(args, images, finder)
        print(f"served: {json.dumps(report['served'])}", flush=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
