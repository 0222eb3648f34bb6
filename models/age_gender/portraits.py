"""The labelled portraits: does the gender come out right, and how far off is the age?"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

import own_detector
from answers import Session, run
from datasets import MAN, WOMAN
from facepipe.files.imaging import cut_face_crop
from prepare import read_rgb


def measure_portraits(folder: Path, detector: Path, graph: Session) -> dict[str, float]:
    """Figures over all portraits that `labels.csv` names, found and cut by the pipeline's code."""
    with (folder / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    paths = [folder / row["file"] for row in rows]
    faces = own_detector.locate_faces(detector, paths, processes=1)
    crops = [
        cut_face_crop(read_rgb(path), faces.box(row), faces.eye_points(row))
        for row, path in enumerate(paths)
    ]
    ages, genders = run(graph, np.stack(crops))
    signed = [
        age - float(row["age_years"])
        for age, row in zip(ages @ np.arange(ages.shape[1]), rows, strict=True)
    ]
    off = np.abs(signed)
    true = [MAN if row["gender"] == "male" else WOMAN for row in rows]
    return {
        "faces": len(rows),
        "mae": round(float(np.mean(off)), 2),
        "bias": round(float(np.mean(signed)), 2),
        "gender_right": int((genders.argmax(1) == np.array(true)).sum()),
    }
