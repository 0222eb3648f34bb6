"""Pixels of an image into the input of a detector, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from facepipe.files.imaging import RgbImage
from landmark_service.letterbox import Letterbox

GRAY = 114


def set_threads(threads: int) -> None:
    """How many threads OpenCV may use in this process."""
    cv2.setNumThreads(threads)


def shrink_into(image_rgb: RgbImage, letterbox: Letterbox) -> RgbImage:
    """The input of a detector: shape `(input height, input width, 3)`, uint8, RGB.

    Bilinear, as models are trained; where more than two pixels become one, blocks of whole pixels
    are averaged first, because small faces in large photographs would else be lost between the
    samples. That is as good as averaging the exact areas, and several times as fast.
    """
    scaled = image_rgb
    if scaled.shape[1::-1] != tuple(letterbox.scaled):
        size = (letterbox.scaled.width, letterbox.scaled.height)
        scaled = np.asarray(cv2.resize(_averaged(image_rgb, size), size), np.uint8)
    width, height = letterbox.input
    picture: RgbImage = np.full((height, width, 3), GRAY, np.uint8)
    rows = slice(letterbox.top, letterbox.top + letterbox.scaled.height)
    columns = slice(letterbox.left, letterbox.left + letterbox.scaled.width)
    picture[rows, columns] = scaled
    return picture


def _averaged(image_rgb: RgbImage, size: tuple[int, int]) -> RgbImage:
    """The image in blocks of as many whole pixels as still leave it larger than `size`."""
    height, width = image_rgb.shape[:2]
    block = min(width // size[0], height // size[1])
    if block < 2:
        return image_rgb
    columns, rows = width // block, height // block
    whole = image_rgb[: rows * block, : columns * block]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
