"""Portraits of the test data, turned as the tests need them."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facepipe.domain.geometry import BoundingBox
from facepipe.files.imaging import RgbImage

_DATA = Path(os.environ.get("FACEPIPE_TEST_DATA", Path(__file__).parents[4] / "shared"))
PORTRAITS = sorted((_DATA / "photos" / "london").glob("*.jpg"))

needs_portraits = pytest.mark.skipif(
    not PORTRAITS,
    reason=f"no portraits under {_DATA}: set FACEPIPE_TEST_DATA to the folder of test data",
)


def read(path: Path) -> RgbImage:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def turned(image_rgb: RgbImage, degrees: float) -> tuple[RgbImage, npt.NDArray[np.float64]]:
    """The image turned clockwise on a canvas that holds all of it, and the matrix (2, 3)."""
    height, width = image_rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = math.ceil(height * sin + width * cos), math.ceil(height * cos + width * sin)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned_rgb = np.asarray(cv2.warpAffine(image_rgb, matrix, size), np.uint8)
    return turned_rgb, np.asarray(matrix, np.float64)


def turned_points(
    points: npt.NDArray[np.floating], matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def box_around(points: npt.NDArray[np.floating], margin: float = 0.0) -> BoundingBox:
    """The box of some points, larger on each side by a share of its longer side."""
    low, high = points.min(axis=0), points.max(axis=0)
    more = margin * float((high - low).max())
    return BoundingBox(*(round(value) for value in (*(low - more), *(high + more))))
