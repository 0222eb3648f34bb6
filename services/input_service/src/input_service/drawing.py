"""Small pictures of an image and its faces; they are made in a decoder process."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from PIL import Image

from facepipe.domain.analysis import Face
from facepipe.domain.geometry import BoundingBox, ImageSize, Point
from facepipe.domain.reduction import reduced_box, reduction_of
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.decoding import ACCEPTED_BEFORE, decode
from facepipe.files.imaging import cut_face_crop

_QUALITY = 88
# How much of the shorter side a thumbnail shows at least: the photograph stays recognisable.
_LEAST_SHARE = 0.5
# How much wider than its faces it is, where there is room.
_ROOM = 1.5


class Fit(StrEnum):
    """What a thumbnail shows."""

    FACES = "faces"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class DrawThumbnail:
    """The task to make a thumbnail.

    Attributes:
        side: of the square around the faces, or the longer side of the whole image, at most.
        boxes: of the faces, largest first.
    """

    side: int
    fit: Fit
    boxes: tuple[BoundingBox, ...] = ()

    def __call__(self, data: bytes) -> bytes:
        decoded = decode(data, ACCEPTED_BEFORE)
        rgb, reduction = decoded.rgb, reduction_of(decoded.size)
        if self.fit is Fit.FACES:
            size = ImageSize(rgb.shape[1], rgb.shape[0])
            part = square_around(size, [reduced_box(box, reduction) for box in self.boxes])
            rgb = rgb[part.y1 : part.y2, part.x1 : part.x2]
        image = Image.fromarray(rgb)
        image.thumbnail((self.side, self.side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return _jpeg(image)


@dataclass(frozen=True, slots=True)
class DrawCrop:
    """The task to cut a face out as the models see it: upright, 224 x 224 pixels."""

    box: BoundingBox
    landmarks: tuple[Point, ...] = ()

    def __call__(self, data: bytes) -> bytes:
        decoded = decode(data, ACCEPTED_BEFORE)
        reduction = reduction_of(decoded.size)
        points = [Point(p.x / reduction, p.y / reduction) for p in self.landmarks]
        crop = cut_face_crop(decoded.rgb, reduced_box(self.box, reduction), points)
        return _jpeg(Image.fromarray(crop))


@dataclass(frozen=True, slots=True)
class DrawAnnotated:
    """The task to draw faces into their image."""

    style: AnnotationStyle
    faces: tuple[Face, ...]

    def __call__(self, data: bytes) -> bytes:
        decoded = decode(data, replace(ACCEPTED_BEFORE, padded=True))
        return self.style.draw(decoded.rgb, self.faces, decoded.size)


def square_around(size: ImageSize, boxes: Sequence[BoundingBox]) -> BoundingBox:
    """The square of an image that shows its faces best: all of them, else the largest ones.

    >>> square_around(ImageSize(400, 200), [BoundingBox(300, 60, 360, 140)]).xyxy
    (270, 40, 390, 160)
    """
    shorter = min(size)
    left, top, right, bottom = 0.0, 0.0, float(size.width), float(size.height)
    side = float(shorter)
    for number in range(len(boxes), 0, -1):
        shown = boxes[:number]
        left, top = min(box.x1 for box in shown), min(box.y1 for box in shown)
        right, bottom = max(box.x2 for box in shown), max(box.y2 for box in shown)
        extent = max(right - left, bottom - top)
        if extent <= shorter or number == 1:
            side = min(shorter, max(_ROOM * extent, _LEAST_SHARE * shorter))
            break
    edge = max(1, round(side))
    x = min(max(0, round((left + right - edge) / 2)), size.width - edge)
    y = min(max(0, round((top + bottom - edge) / 2)), size.height - edge)
    return BoundingBox(x, y, x + edge, y + edge)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
