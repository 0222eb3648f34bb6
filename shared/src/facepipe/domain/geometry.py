"""Plane geometry of faces in images: boxes, points, sizes and the face crop.

Coordinates are pixels of the upright image (EXIF orientation applied), origin at the
top left, x to the right, y downwards. Everything here is pure and needs no library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

FACE_CROP_SIZE = 224
FACE_CROP_MARGIN = 1.4

# Corners of the eyes in MediaPipe's 468/478-point face mesh; "right" is the subject's right.
RIGHT_EYE_CORNERS = (33, 133)
LEFT_EYE_CORNERS = (362, 263)


class Point(NamedTuple):
    """A position in pixels."""

    x: float
    y: float


class ImageSize(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """An axis-aligned box in whole pixels; `x2` and `y2` are exclusive.

    >>> BoundingBox(10, 20, 40, 60).size
    ImageSize(width=30, height=40)
    """

    x1: int
    y1: int
    x2: int
    y2: int

    def __post_init__(self) -> None:
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise ValueError(f"a box needs a positive width and height, got {self.xyxy}")

    @classmethod
    def enclosing(
        cls, x1: float, y1: float, x2: float, y2: float, within: ImageSize
    ) -> Self | None:
        """Round fractional corners to pixels and clip to the image.

        Returns None when less than one pixel of the box lies inside the image.
        """
        left, top = max(0, round(x1)), max(0, round(y1))
        right, bottom = min(within.width, round(x2)), min(within.height, round(y2))
        if right <= left or bottom <= top:
            return None
        return cls(left, top, right, bottom)

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """Corners `(x1, y1, x2, y2)` in absolute pixels, max edge exclusive."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.x2 - self.x1, self.y2 - self.y1)

    @property
    def area(self) -> int:
        """Area in square pixels."""
        return self.size.width * self.size.height

    @property
    def center(self) -> Point:
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)

    def iou(self, other: BoundingBox) -> float:
        """Intersection over union with `other`, 0-1."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        intersection = width * height
        return intersection / (self.area + other.area - intersection)


@dataclass(frozen=True, slots=True)
class AffineTransform:
    """Maps `(x, y)` to `(a*x + b*y + c, d*x + e*y + f)`."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, point: Point) -> Point:
        return Point(
            self.a * point.x + self.b * point.y + self.c,
            self.d * point.x + self.e * point.y + self.f,
        )


def eye_centers(landmarks: Sequence[Point]) -> tuple[Point, Point] | None:
    """Centres of the eye on the image's left and the eye on its right, for an upright face.

    Takes the 468 or 478 points of the MediaPipe mesh, or just two points (the subject's
    right eye, then the left one). Returns None for any other number of points.
    """
    if len(landmarks) == 2:
        return landmarks[0], landmarks[1]
    if len(landmarks) not in (468, 478):
        return None
    return _middle(landmarks, RIGHT_EYE_CORNERS), _middle(landmarks, LEFT_EYE_CORNERS)


def roll_angle(landmarks: Sequence[Point]) -> float:
    """Roll of the face in radians, clockwise in the image; 0 without an eye line."""
    eyes = eye_centers(landmarks)
    if eyes is None:
        return 0.0
    first, second = eyes
    return math.atan2(second.y - first.y, second.x - first.x)


def face_crop_transform(box: BoundingBox, landmarks: Sequence[Point] = ()) -> AffineTransform:
    """The transform from pixels of a face crop to pixels of the image.

    The crop is a square of `FACE_CROP_SIZE` pixels around the centre of the box. Its side
    covers `FACE_CROP_MARGIN` times the longer side of the box, and it is turned so that the
    eye line is level (unturned without landmarks). Service and training share this function,
    so that what a model was measured on is what it gets.

    Coordinates are those of pixel edges: (0, 0) is the top left corner of the first pixel.
    """
    scale = FACE_CROP_MARGIN * max(box.size) / FACE_CROP_SIZE
    roll = roll_angle(landmarks)
    cos, sin = scale * math.cos(roll), scale * math.sin(roll)
    half = FACE_CROP_SIZE / 2
    center = box.center
    return AffineTransform(
        a=cos,
        b=-sin,
        c=center.x - half * cos + half * sin,
        d=sin,
        e=cos,
        f=center.y - half * sin - half * cos,
    )


def _middle(points: Sequence[Point], indices: tuple[int, int]) -> Point:
    first, second = (points[index] for index in indices)
    return Point((first.x + second.x) / 2, (first.y + second.y) / 2)
