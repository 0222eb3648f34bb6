"""The labelled portraits: does the gender come out right, and how far off is the age?"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

import detect
from datasets import MAN, WOMAN
from facepipe.geometry import BoundingBox, Point
from facepipe.imaging import cut_face_crop
from prepare import read_rgb
from views import as_deepface_feeds


def measure_portraits(folder: Path, detector: Path, graphs: Path) -> dict[str, float]:
    """Figures over all portraits that `labels.csv` names, cut by the pipeline's crop."""
    with (folder / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    feed = as_deepface_feeds(load_crops([folder / row["file"] for row in rows], detector))
    ages = _run(graphs / "age_model_weights.onnx", feed) @ np.arange(101)
    genders = _run(graphs / "gender_model_weights.onnx", feed).argmax(1)
    off = [abs(age - float(row["age_years"])) for age, row in zip(ages, rows, strict=True)]
    true = [MAN if row["gender"] == "male" else WOMAN for row in rows]
    return {
        "faces": len(rows),
        "mae": round(float(np.mean(off)), 2),
        "gender_right": int((genders == np.array(true)).sum()),
    }


def load_crops(paths: list[Path], detector: Path) -> npt.NDArray[np.uint8]:
    """The pipeline's crops of photographs with one face; `(n, 224, 224, 3)` uint8, RGB."""
    detect.load_detector(str(detector))
    return np.stack([_crop(path) for path in paths])


def _crop(path: Path) -> npt.NDArray[Any]:
    corners, eyes, how = detect.locate_face(str(path))
    points = () if how == detect.MISSED else (Point(*eyes[:2]), Point(*eyes[2:]))
    return cut_face_crop(read_rgb(path), BoundingBox(*corners), points)


def _run(graph: Path, feed: npt.NDArray[Any]) -> npt.NDArray[Any]:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    found: npt.NDArray[Any] = session.run(None, {session.get_inputs()[0].name: feed})[0]
    return found
