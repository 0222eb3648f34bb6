"""A very large image that comes part by part, made smaller as it comes."""

from __future__ import annotations

import numpy as np

from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import reduced_size, reduction_of
from facepipe.files.decoding.pixels import reduced
from facepipe.files.imaging import RgbImage

_GREY = 128


class Shrinking:
    """Takes parts of an image of a size; holds them at the scale at which it is looked at.

    Attributes:
        rgb: what has come, grey where nothing did.
    """

    def __init__(self, size: ImageSize) -> None:
        self._size = size
        self._reduction = reduction_of(size)
        seen = reduced_size(size, self._reduction)
        self.rgb: RgbImage = np.full((seen.height, seen.width, 3), _GREY, np.uint8)
        self._rows: RgbImage = np.empty((0, size.width, 3), np.uint8)
        self._next_row = 0
        self._pixels = 0

    @property
    def share(self) -> float:
        """Of the pixels that have come, 0-1."""
        return min(1.0, self._pixels / (self._size.width * self._size.height))

    def place(self, rgb: RgbImage, x: int, y: int) -> None:
        """A part whose upper left pixel is at x, y, which are multiples of the reduction.

        What lies beyond the image is left out: tiles at its edges may be filled up.
        """
        rgb = rgb[: self._size.height - y, : self._size.width - x]
        small = reduced(rgb, self._reduction)
        top, left = y // self._reduction, x // self._reduction
        self.rgb[top : top + small.shape[0], left : left + small.shape[1]] = small
        self._pixels += rgb.shape[0] * rgb.shape[1]

    def add_rows(self, rgb: RgbImage) -> None:
        """The rows that follow those of before, over the whole width."""
        rows = np.concatenate([self._rows, rgb]) if len(self._rows) else rgb
        is_end = self._next_row + len(rows) >= self._size.height
        ready = len(rows) if is_end else len(rows) - len(rows) % self._reduction
        if ready:
            self.place(rows[:ready], 0, self._next_row)
            self._next_row += ready
        self._rows = rows[ready:].copy()
