"""Pixels in memory, and the one cutter of face crops. Needs numpy and Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from facepipe.domain.geometry import (
    FACE_CROP_SIZE,
    BoundingBox,
    Point,
    face_crop_transform,
)

RgbImage = npt.NDArray[np.uint8]


def cut_face_crop(
    image_rgb: RgbImage, box: BoundingBox, landmarks: Sequence[Point] = ()
) -> RgbImage:
    """Cuts the face crop that age and gender models see.

    Follows `geometry.face_crop_transform`: square, upright, edges replicated, an area filter
    when shrinking.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8, RGB.
        box: the face, pixels of the image.
        landmarks: 468 or 478 mesh points, or two eye centres (subject's right eye first), or
            none for an unturned crop; pixels of the image.

    Returns:
        shape `(224, 224, 3)`, uint8, RGB.
    """
    transform = face_crop_transform(box, landmarks)
    size = FACE_CROP_SIZE
    corners = [transform.apply(Point(x, y)) for x in (0, size) for y in (0, size)]
    left = math.floor(min(corner.x for corner in corners)) - 2
    top = math.floor(min(corner.y for corner in corners)) - 2
    right = math.ceil(max(corner.x for corner in corners)) + 2
    bottom = math.ceil(max(corner.y for corner in corners)) + 2
    patch = Image.fromarray(_replicated_patch(image_rgb, left, top, right, bottom))

    scale = math.hypot(transform.a, transform.d)
    zoom_x = zoom_y = 1.0
    if scale > 1:
        small = (max(1, round(patch.width / scale)), max(1, round(patch.height / scale)))
        zoom_x, zoom_y = small[0] / patch.width, small[1] / patch.height
        patch = patch.resize(small, Image.Resampling.BOX)
    crop = patch.transform(
        (size, size),
        Image.Transform.AFFINE,
        (
            transform.a * zoom_x,
            transform.b * zoom_x,
            (transform.c - left) * zoom_x,
            transform.d * zoom_y,
            transform.e * zoom_y,
            (transform.f - top) * zoom_y,
        ),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(crop)


def _replicated_patch(image: RgbImage, left: int, top: int, right: int, bottom: int) -> RgbImage:
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if inside.shape[:2] == (len(rows), len(columns)):
        return np.ascontiguousarray(inside)
    return inside[np.ix_(rows - rows[0], columns - columns[0])]
