"""Pixels of an image into the input of a detector, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from facepipe.imaging import RgbImage
from landmark_service.letterbox import Letterbox

GRAY = 114


def set_threads(threads: int) -> None:
    """How many threads OpenCV may use in this process."""
    cv2.setNumThreads(threads)


def shrink_into(image_rgb: RgbImage, letterbox: Letterbox) -> RgbImage:
    """The input of a detector: shape `(input height, input width, 3)`, uint8, RGB.

    Bilinear, as models are trained; by area where more than two pixels become one, because
    small faces in large photographs would else be lost between the samples.
    """
    filter_ = cv2.INTER_AREA if max(letterbox.scale) < 0.5 else cv2.INTER_LINEAR
    scaled = image_rgb
    if scaled.shape[1::-1] != tuple(letterbox.scaled):
        size = tuple(letterbox.scaled)
        scaled = np.asarray(cv2.resize(image_rgb, size, interpolation=filter_), np.uint8)
    width, height = letterbox.input
    picture: RgbImage = np.full((height, width, 3), GRAY, np.uint8)
    rows = slice(letterbox.top, letterbox.top + letterbox.scaled.height)
    columns = slice(letterbox.left, letterbox.left + letterbox.scaled.width)
    picture[rows, columns] = scaled
    return picture
