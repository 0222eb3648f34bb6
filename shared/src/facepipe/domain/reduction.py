"""Very large images are looked at smaller: which, how much, and boxes in one scale or the other.

A result always speaks of the pixels of the whole image.
"""

from __future__ import annotations

import math
from typing import TypeVar

from facepipe.domain.analysis import Box, DetectedFace, LandmarkPoint
from facepipe.domain.geometry import BoundingBox, ImageSize

WHOLE_PIXELS = 64_000_000
"""More pixels than this are never in memory: of a larger image every second one, fourth, eighth."""
_REDUCTIONS = (1, 2, 4, 8)
MOST_REDUCTION = _REDUCTIONS[-1]

F = TypeVar("F", bound=DetectedFace)


def reduction_of(size: ImageSize) -> int:
    """How many pixels of an image stand for one that is looked at, along each side.

    >>> reduction_of(ImageSize(6000, 4000)), reduction_of(ImageSize(16320, 12240))
    (1, 2)
    """
    for reduction in _REDUCTIONS:
        width, height = reduced_size(size, reduction)
        if width * height <= WHOLE_PIXELS:
            return reduction
    return _REDUCTIONS[-1]


def reduced_size(size: ImageSize, reduction: int) -> ImageSize:
    """The size at which an image is looked at."""
    return ImageSize(math.ceil(size.width / reduction), math.ceil(size.height / reduction))


def reduced_box(box: BoundingBox, reduction: int) -> BoundingBox:
    """A box of the whole image, in the pixels that are looked at."""
    x1, y1 = box.x1 // reduction, box.y1 // reduction
    x2, y2 = math.ceil(box.x2 / reduction), math.ceil(box.y2 / reduction)
    return BoundingBox(x1, y1, max(x1 + 1, x2), max(y1 + 1, y2))


def reduced_face(face: F, reduction: int) -> F:
    """A face of the whole image, in the pixels that are looked at."""
    if reduction == 1:
        return face
    box = reduced_box(face.box.to_bounding_box(), reduction)
    return _moved(face, box, 1 / reduction)


def whole_face(face: F, reduction: int, size: ImageSize) -> F:
    """A face in the pixels that are looked at, in those of the whole image, of that size."""
    if reduction == 1:
        return face
    box, r = face.box, reduction
    right, bottom = min(box.x2 * r, size.width), min(box.y2 * r, size.height)
    return _moved(face, BoundingBox(box.x1 * r, box.y1 * r, right, bottom), float(r))


def _moved(face: F, box: BoundingBox, factor: float) -> F:
    points = [LandmarkPoint(x=p.x * factor, y=p.y * factor) for p in face.landmarks]
    return face.model_copy(update={"box": Box.from_bounding_box(box), "landmarks": points})
