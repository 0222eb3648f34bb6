"""Fitting an image into a detector's input, and boxes back into the image. Pure geometry.

The rules are those of Ultralytics' rectangular prediction, so that a model sees what it saw
in training: scaled to the long side, bordered with gray only up to a multiple of the stride.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facepipe.domain.geometry import ImageSize
from landmark_service.faces import FloatArray

STRIDE = 32


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image lies in the input of a detector.

    A point of the image is found in the input at `scale * point + (left, top)`, where the
    scales of both axes differ by what rounding to whole pixels makes of them.

    Attributes:
        image: size of the image, pixels.
        scaled: size of the image inside the input, pixels.
        input: size of the input, pixels.
        left: empty columns on the left of the image.
        top: empty rows above the image.
    """

    image: ImageSize
    scaled: ImageSize
    input: ImageSize
    left: int
    top: int

    @property
    def scale(self) -> FloatArray:
        """Input pixels per image pixel, `(x, y)`."""
        return np.divide(self.scaled, self.image, dtype=np.float32)

    def to_image(self, xy: FloatArray) -> FloatArray:
        """Positions in the input -> pixels of the image; shape `(..., 2)`."""
        offset = np.array([self.left, self.top], np.float32)
        return ((xy - offset) / self.scale).astype(np.float32)

    def to_input(self, xy: FloatArray) -> FloatArray:
        """Pixels of the image -> positions in the input; shape `(..., 2)`."""
        offset = np.array([self.left, self.top], np.float32)
        return (xy * self.scale + offset).astype(np.float32)


def fit_long_side(image: ImageSize, long_side: int) -> Letterbox:
    """The smallest input with sides of whole strides that shows the image.

    >>> fit_long_side(ImageSize(1920, 1080), 640).input
    ImageSize(width=640, height=384)

    Args:
        image: size of the image.
        long_side: longer side of the input, rounded up to a whole stride.
    """
    scale = _whole_strides(long_side) / max(image)
    whole = ImageSize(*map(_whole_strides, _scaled(image, scale)))
    return _centered(image, _scaled(image, scale), whole)


def fit_fixed(image: ImageSize, fixed: ImageSize, zoom: float = 1.0) -> Letterbox:
    """The image as large as it fits into an input of fixed size, in its middle."""
    scale = zoom * min(fixed.width / image.width, fixed.height / image.height)
    return _centered(image, _scaled(image, scale), fixed)


def _scaled(image: ImageSize, scale: float) -> ImageSize:
    return ImageSize(max(1, round(image.width * scale)), max(1, round(image.height * scale)))


def _centered(image: ImageSize, scaled: ImageSize, into: ImageSize) -> Letterbox:
    return Letterbox(
        image=image,
        scaled=scaled,
        input=into,
        left=_before(into.width - scaled.width),
        top=_before(into.height - scaled.height),
    )


def _before(border: int) -> int:
    """The part of a border that lies before the image; an odd pixel goes behind it."""
    return max(0, border // 2)


def _whole_strides(pixels: int) -> int:
    return max(STRIDE, math.ceil(pixels / STRIDE) * STRIDE)
