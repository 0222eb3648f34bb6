"""Lets DeepFace itself serve the graphs: does `analyze` say what the graphs say?

    DEEPFACE_BACKEND_ENGINE=onnx python deepface_check.py --graphs research \
        --portraits PHOTOS/london --detector face_detection_yunet_2023mar.onnx

Runs in an environment with deepface 0.0.103 and onnxruntime; needs no torch.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from portraits import load_crops
from views import as_deepface_feeds

HEADS = ("age", "gender")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--portraits", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--detector", type=Path, required=True, help="YuNet")
    args = parser.parse_args()
    with (args.portraits / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    crops = load_crops([args.portraits / row["file"] for row in rows], args.detector)
    whole = [str(args.portraits / row["file"]) for row in rows]

    with tempfile.TemporaryDirectory() as home:
        _install(args.graphs, Path(home))
        from deepface import DeepFace  # reads DEEPFACE_HOME when it is imported

        said = [_analyze(DeepFace, crop[:, :, ::-1]) for crop in crops]
        of_whole = [_analyze(DeepFace, path) for path in whole]
    _report("pipeline crops", said, rows)
    _report("whole portraits", of_whole, rows)
    ages, genders = (_run(args.graphs, head, crops) for head in HEADS)
    apart = max(
        abs(int(age) - answer["age"])
        for age, answer in zip(ages @ np.arange(101), said, strict=True)
    )
    shares = np.array([[a["gender"]["Woman"], a["gender"]["Man"]] for a in said]) / 100
    print(f"apart from the graphs: {apart} years, gender {np.abs(shares - genders).max():.1e}")


def _install(graphs: Path, home: Path) -> None:
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    for head in HEADS:
        shutil.copy(graphs / f"{head}_model_weights.onnx", weights)
    os.environ["DEEPFACE_HOME"] = str(home)
    os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "onnx")


def _analyze(deepface: Any, image: Any) -> dict[str, Any]:
    answer: dict[str, Any] = deepface.analyze(
        image, actions=list(HEADS), detector_backend="skip", silent=True
    )[0]
    return answer


def _report(name: str, said: list[dict[str, Any]], rows: list[dict[str, str]]) -> None:
    off = [abs(a["age"] - float(row["age_years"])) for a, row in zip(said, rows, strict=True)]
    right = sum(
        (a["dominant_gender"] == "Man") == (row["gender"] == "male")
        for a, row in zip(said, rows, strict=True)
    )
    print(f"{name}: gender right {right} of {len(rows)}, age MAE {np.mean(off):.2f}")


def _run(graphs: Path, head: str, crops: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(
        str(graphs / f"{head}_model_weights.onnx"), providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: as_deepface_feeds(crops)}
    found: np.ndarray[Any, Any] = session.run(None, feed)[0]
    return found


if __name__ == "__main__":
    main()
