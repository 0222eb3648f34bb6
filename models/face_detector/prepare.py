"""Index the training photographs: one JSON file with every image, its faces and its split.

    prepare.py --data DIR --teacher yolov8n-face_int8.tflite --out index.json

`sources.py` says where each source lies in `--data` and what its labels state; the teacher adds
points, faces that have no label, and doubts. What it said is kept beside the index, so that
another run only asks about new photographs; a source whose folder is missing is left out.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sources import SOURCES, Labelled
from teacher import Teacher

Rows = npt.NDArray[np.float32]

SURE = {"mafa": 0.5, "masks": 0.5, "maskon": 0.5, "close_ups": 0.55}
"""Score from which the teacher adds a face to a source whose labels leave faces out."""
SAME_FACE_IOU = 0.45
CONFIRMED_IOU = 0.3
BORDER = 0.3  # of the long side, replicated, so that the teacher finds what fills the frame
UNKNOWN = -1e6
"""Where a point is not known. Any coordinate under half of it means so."""


@dataclass
class Sample:
    """One photograph: `faces` (box and five points, 14 numbers) and regions nobody learns from."""

    image: str
    source: str
    split: str
    width: int
    height: int
    faces: list[list[float]]
    ignored: list[list[float]]


class Lessons:
    """The teacher's answers, kept in a file of one JSON line a photograph."""

    def __init__(self, path: Path, teacher: Path) -> None:
        self.path, self.weights = path, teacher
        self.teacher: Teacher | None = None
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {row["image"]: row for row in map(json.loads, lines)}

    def about(self, image: Path, border: float) -> tuple[tuple[int, int], Rows] | None:
        """Give (width, height) and what the teacher finds; None where nothing can be decoded."""
        row = self.known.get(str(image))
        if row is None:
            pixels = cv2.imread(str(image))
            if pixels is None:
                return None
            self.teacher = self.teacher or Teacher(self.weights)
            found = self.teacher(np.asarray(pixels, np.uint8), border).round(3).tolist()
            row = {"image": str(image), "size": pixels.shape[1::-1], "found": found}
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
        return tuple(row["size"]), np.array(row["found"], np.float32).reshape(-1, 15)


def overlaps(first: Rows, second: Rows) -> Rows:
    """Give IoU (n, m) of boxes x1, y1, x2, y2."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    common = (high - low).clip(0).prod(2)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return np.asarray(common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-6))


def learn(source: str, labelled: Labelled, found: Rows) -> tuple[Rows, Rows] | None:
    """Join labels and lesson: faces (n, 14) and ignored (m, 4); None: leave the photograph out."""
    boxes = np.array(labelled.boxes, np.float32).reshape(-1, 4)
    ignored = np.array(labelled.invalid, np.float32).reshape(-1, 4)
    if source == "negatives":
        return np.zeros((0, 14), np.float32), ignored
    faces = np.full((len(boxes), 14), UNKNOWN, np.float32)
    faces[:, :4] = boxes
    table = overlaps(boxes, found)
    if len(boxes) and len(found):
        best, sure = table.argmax(1), table.max(1) > SAME_FACE_IOU
        start = 4 if source.startswith("wider") else 0
        faces[sure, start:] = found[best[sure], start:14]
    if source.startswith("wider"):
        return faces, ignored
    new = ~(table > CONFIRMED_IOU).any(0) if len(boxes) else np.ones(len(found), bool)
    certain = found[:, 14] >= SURE[source]
    faces = np.concatenate([faces, found[new & certain, :14]])
    ignored = np.concatenate([ignored, found[new & ~certain, :4]])
    return (faces, ignored) if len(faces) else None


def samples_of(source: str, data: Path, lessons: Lessons) -> Iterator[Sample]:
    """Read one source."""
    for labelled in SOURCES[source](data):
        lesson = lessons.about(labelled.path, BORDER if source == "close_ups" else 0.0)
        if lesson is None:
            continue
        (width, height), found = lesson
        joined = learn(source, labelled, found)
        if joined is not None:
            name = os.path.relpath(labelled.path, data)
            places = (rows.round(2).tolist() for rows in joined)
            yield Sample(name, source, labelled.split, width, height, *places)


def main() -> None:
    """Write the index after each source, and print how many images and faces came from where."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    lessons = Lessons(args.out.with_name("lessons.jsonl"), args.teacher)
    samples: list[Sample] = []
    for source in SOURCES:
        try:
            part = list(samples_of(source, args.data, lessons))
        except (FileNotFoundError, StopIteration) as missing:
            print(f"{source}: left out, {missing}", flush=True)
            continue
        samples += part
        partial = args.out.with_suffix(".part")
        partial.write_text(json.dumps([asdict(sample) for sample in samples]))
        partial.replace(args.out)
        for split in sorted({sample.split for sample in part}):
            chosen = [sample for sample in part if sample.split == split]
            faces = sum(len(sample.faces) for sample in chosen)
            print(source, split, len(chosen), "images", faces, "faces", flush=True)


if __name__ == "__main__":
    main()
