"""What the detector finds as it is served: its passes, its default threshold, its smallest face.

Counts, not curves: faces where there are none, boxes round one face, faces that the frame cuts,
small faces in large photographs; and its cost, as a multiple of YOLOv8n in one pass at 640 px.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from close_ups import cut_and_bent, erased, portraits, tight_portraits, whole_portraits
from detectors import Detect, Image, landmark_service, yolo_onnx

PICTURES = (".jpg", ".jpeg", ".png")


def served_figures(
    model: Path, yardstick: Path, threshold: float, finder: Detect, places: dict[str, Path]
) -> dict[str, Any]:
    """Measure all of it. What is not there of the places is left out.

    Args:
        model: the detector.
        yardstick: YOLOv8n without weights.
        threshold: the default of the service.
        finder: says where the face of a portrait is.
        places: folders `portraits`, `sets` (what models/evaluation_sets/ lists) and `field`.
    """
    detect = landmark_service(model)
    folder = places["portraits"]
    images = [image for image, _ in portraits(finder, folder)]
    erasures = [erased(image, box) for image, box in portraits(finder, folder)]
    sets = {
        part.name: [path for path in sorted(part.iterdir()) if path.suffix in PICTURES]
        for part in sorted(places["sets"].glob("*"))
    }
    return {
        "time_ratio": time_ratio(detect, yardstick, images),
        "portraits": whole_portraits(detect, threshold, finder, folder),
        "tight_portraits": tight_portraits(detect, threshold, finder, folder),
        **cut_and_bent(detect, threshold, finder, folder),
        "pictures": {
            **{name: faces_in(detect, map(pixels_of, paths)) for name, paths in sets.items()},
            "erased": faces_in(detect, erasures),
        },
        "large": {
            path.stem: len(detect(pixels_of(path)))
            for pattern in ("r_crowd*", "r_strip*")
            for path in sorted(places["field"].glob(pattern))
        },
    }


def time_ratio(detect: Detect, yardstick: Path, images: Sequence[Image]) -> float:
    """Processor's time of detection ÷ that of YOLOv8n at 640 px, image by image in turn."""
    detectors = (detect, yolo_onnx(yardstick, 640))
    spent = [0.0, 0.0]
    for at, image in enumerate([images[0], *images]):
        for which, detector in enumerate(detectors):
            start = time.process_time()
            detector(image)
            if at:  # the first one warms up
                spent[which] += time.process_time() - start
    return round(spent[0] / spent[1], 3)


def faces_in(detect: Detect, images: Any) -> dict[str, int]:
    """Count pictures, those with a face, and faces."""
    counts = [len(detect(image)) for image in images]
    return {"pictures": len(counts), "with_faces": sum(map(bool, counts)), "faces": sum(counts)}


def pixels_of(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), np.uint8)
