"""Finds the face of every image once, and keeps boxes and eye centres for all later steps.

    python detect.py --data DATA --detector face_detection_yunet_2023mar.onnx --out CACHE

YuNet (MIT) stands in for the pipeline's own detector, so that the two models can be trained
independently; both learned the boxes of WIDER FACE. An image in which nothing is found is
looked at again with a replicated border (faces that fill the frame), and then taken whole.
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets import default_data_dir, list_samples
from facepipe.domain.geometry import BoundingBox, ImageSize, Point

SCORE_THRESHOLD = 0.6
BORDER = 0.3

FOUND, FOUND_WITH_BORDER, MISSED = 0, 1, 2

_detector: cv2.FaceDetectorYN | None = None


@dataclass(frozen=True, slots=True)
class Faces:
    """Where the face is in each image, one row an image.

    Attributes:
        boxes: `(n, 4)` int32, x1 y1 x2 y2 in pixels, clipped to the image.
        eyes: `(n, 4)` float32, the subject's right eye x y, then the left; NaN if unknown.
        how: `(n,)` uint8, `FOUND`, `FOUND_WITH_BORDER` or `MISSED`.
    """

    boxes: npt.NDArray[np.int32]
    eyes: npt.NDArray[np.float32]
    how: npt.NDArray[np.uint8]

    @classmethod
    def load(cls, path: Path) -> Faces:
        with np.load(path) as arrays:
            return cls(arrays["boxes"], arrays["eyes"], arrays["how"])

    def box(self, row: int) -> BoundingBox:
        x1, y1, x2, y2 = (int(value) for value in self.boxes[row])
        return BoundingBox(x1, y1, x2, y2)

    def eye_points(self, row: int) -> tuple[Point, ...]:
        """The two eye centres, or nothing where no face was found."""
        if np.isnan(self.eyes[row, 0]):
            return ()
        x1, y1, x2, y2 = (float(value) for value in self.eyes[row])
        return Point(x1, y1), Point(x2, y2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the caches")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()

    paths = [str(args.data / sample.path) for sample in list_samples(args.data)]
    with multiprocessing.Pool(args.processes, load_detector, (str(args.detector),)) as pool:
        rows = list(pool.imap(locate_face, paths, chunksize=256))
    args.out.mkdir(parents=True, exist_ok=True)
    how = np.array([row[2] for row in rows], np.uint8)
    np.savez(
        args.out / "faces.npz",
        boxes=np.array([row[0] for row in rows], np.int32),
        eyes=np.array([row[1] for row in rows], np.float32),
        how=how,
    )
    found, bordered, missed = np.bincount(how, minlength=3)
    print(f"{found} found, {bordered} found with a border, {missed} taken whole")


def locate_face(path: str) -> tuple[tuple[int, ...], tuple[float, ...], int]:
    """Box, eyes and `how` of the main face of an image file."""
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} cannot be decoded; fetch the data set again")
    height, width = image.shape[:2]
    size = ImageSize(width, height)
    for how, border in ((FOUND, 0), (FOUND_WITH_BORDER, round(BORDER * max(size)))):
        face = _main_face(image, border)
        if face is None:
            continue
        x, y, w, h = face[:4]
        box = BoundingBox.enclosing(x, y, x + w, y + h, size)
        if box is not None:
            return box.xyxy, tuple(float(value) for value in face[4:8]), how
    return (0, 0, width, height), (float("nan"),) * 4, MISSED


def load_detector(path: str) -> None:
    global _detector
    cv2.setNumThreads(1)
    _detector = cv2.FaceDetectorYN.create(path, "", (320, 320), SCORE_THRESHOLD, 0.3, 50)


def _main_face(image: npt.NDArray[Any], border: int) -> npt.NDArray[np.float32] | None:
    """The row of YuNet's answer whose face is large and central; coordinates of the image."""
    assert _detector is not None
    height, width = image.shape[:2]
    if border:
        sides = (border, border, border, border)
        image = cv2.copyMakeBorder(image, *sides, cv2.BORDER_REPLICATE)
    _detector.setInputSize((image.shape[1], image.shape[0]))
    found: npt.NDArray[Any] | None = _detector.detect(image)[1]
    if found is None:
        return None
    faces = found.copy()
    faces[:, :2] -= border
    faces[:, 4:14] -= border
    center = faces[:, :2] + faces[:, 2:4] / 2
    off_center = np.linalg.norm(center - (width / 2, height / 2), axis=1) / max(width, height)
    rank = np.sqrt(faces[:, 2] * faces[:, 3]) / max(width, height) - off_center
    best: npt.NDArray[np.float32] = faces[int(rank.argmax())]
    return best


if __name__ == "__main__":
    main()
