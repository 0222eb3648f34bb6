"""Cuts the training crops once, wider than the network sees them, into one memory-mapped file.

    python prepare.py --data DATA --cache CACHE        (after detect.py)

The crop is the pipeline's own (`facepipe.files.imaging.cut_face_crop`) around a box enlarged by
`WIDENING`, so that shift, zoom and rotation during training find real pixels.
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
from numpy.lib.format import open_memmap

from datasets import REPORT, Sample, default_data_dir, list_samples
from detect import Faces
from facepipe.domain.geometry import BoundingBox, Point
from facepipe.files.imaging import cut_face_crop

WIDENING = 1.25
CACHED_SIZE = 144


@dataclass(frozen=True, slots=True)
class CropCache:
    """Training crops and the samples they show, row by row.

    Attributes:
        crops: `(n, CACHED_SIZE, CACHED_SIZE, 3)` uint8, RGB, memory-mapped.
        rows: `(n,)` the place of each crop's sample in `list_samples`.
    """

    crops: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path) -> CropCache:
        return cls(np.load(folder / "crops.npy", mmap_mode="r"), np.load(folder / "rows.npy"))


_Job = tuple[Path, BoundingBox, tuple[Point, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()

    samples = list_samples(args.data)
    faces = Faces.load(args.cache / "faces.npz")
    if len(faces.boxes) != len(samples):
        raise SystemExit("faces.npz belongs to other data: run detect.py again")
    rows = [row for row, sample in enumerate(samples) if sample.split != REPORT]
    shape = (len(rows), CACHED_SIZE, CACHED_SIZE, 3)
    crops = open_memmap(args.cache / "crops.npy", mode="w+", dtype=np.uint8, shape=shape)
    jobs = (_job(args.data, samples, faces, row) for row in rows)
    with multiprocessing.Pool(args.processes) as pool:
        for place, crop in enumerate(pool.imap(_cut, jobs, chunksize=64)):
            crops[place] = crop
    crops.flush()
    np.save(args.cache / "rows.npy", np.array(rows, np.int64))
    print(f"{len(rows)} crops of {CACHED_SIZE} px")


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """An image file of the data sets; shape `(height, width, 3)`, uint8, RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} cannot be decoded; fetch the data set again")
    return np.ascontiguousarray(image[:, :, ::-1])


def scaled_box(
    box: BoundingBox, scale: float = 1.0, shift_x: float = 0.0, shift_y: float = 0.0
) -> BoundingBox:
    """The box grown by `scale` about its centre and moved by shares of its longer side."""
    side = max(box.size)
    x, y = box.center.x + shift_x * side, box.center.y + shift_y * side
    half_width, half_height = scale * box.size.width / 2, scale * box.size.height / 2
    left, top = round(x - half_width), round(y - half_height)
    return BoundingBox(
        left, top, max(left + 1, round(x + half_width)), max(top + 1, round(y + half_height))
    )


def _job(data_dir: Path, samples: list[Sample], faces: Faces, row: int) -> _Job:
    return data_dir / samples[row].path, faces.box(row), faces.eye_points(row)


def _cut(job: _Job) -> npt.NDArray[np.uint8]:
    path, box, eyes = job
    crop = cut_face_crop(read_rgb(path), scaled_box(box, WIDENING), eyes)
    small: npt.NDArray[Any] = cv2.resize(
        crop, (CACHED_SIZE, CACHED_SIZE), interpolation=cv2.INTER_AREA
    )
    return small


if __name__ == "__main__":
    main()
