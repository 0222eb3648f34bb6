"""How light and dark are spread over the picture of a face. Needs numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facepipe.domain.geometry import FACE_CROP_SIZE, BoundingBox, Point, face_crop_transform

FaceCrop = npt.NDArray[np.uint8]

# The outer eighth on each side is background or replicated edge.
_MARGIN = 28
_WHITE = 250
# Middles of the irises, and points of the cheeks, in MediaPipe's mesh of 478 points.
_IRISES = (468, 473)
_CHEEKS = (50, 280, 205, 425, 118, 347)
_AROUND = 2
# Irises are darker than the cheeks, whatever the skin; in a negative they are not.
_AS_LIGHT = -0.1
# Skin is redder than it is blue, by so many levels at least; in a negative it is not.
_LEAST_RED = 2.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """Of the inner part of a face crop.

    Attributes:
        brightness: mean luma, 0-255.
        contrast: standard deviation of the luma.
        white: share of the pixels that are white, or as good as that.
        is_negative: light and dark are the wrong way round.
    """

    brightness: float
    contrast: float
    white: float
    is_negative: bool = False


def exposure_of(crop_rgb: FaceCrop, box: BoundingBox, landmarks: Sequence[Point]) -> Exposure:
    """Measures a crop of shape `(224, 224, 3)`, uint8, cut for that box and those landmarks."""
    luma = inner_luma(crop_rgb)
    contrast = float(luma.std())
    lighter = _irises_against_cheeks(crop_rgb, box, landmarks)
    red, blue = (float(_inner(crop_rgb)[..., channel].mean()) for channel in (0, 2))
    return Exposure(
        brightness=float(luma.mean()),
        contrast=contrast,
        white=float((luma >= _WHITE).mean()),
        is_negative=lighter is not None
        and lighter > _AS_LIGHT * contrast
        and red - blue < _LEAST_RED,
    )


def inner_luma(crop_rgb: FaceCrop) -> npt.NDArray[np.float32]:
    """Of the inner part of a crop; `(height, width, 3)`, uint8, RGB, larger than 60 pixels."""
    return _luma(_inner(crop_rgb))


def _inner(crop_rgb: FaceCrop) -> FaceCrop:
    return crop_rgb[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _luma(rgb: FaceCrop) -> npt.NDArray[np.float32]:
    # Not a matrix product: that would wake all the threads of BLAS for one crop.
    red, green, blue = (rgb[..., channel].astype(np.float32) for channel in range(3))
    luma: npt.NDArray[np.float32] = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def _irises_against_cheeks(
    crop_rgb: FaceCrop, box: BoundingBox, landmarks: Sequence[Point]
) -> float | None:
    """How much lighter the irises are than the cheeks; None where either is not seen."""
    if len(landmarks) <= max(_IRISES):
        return None
    transform = face_crop_transform(box, landmarks)
    linear = np.array([[transform.a, transform.b], [transform.d, transform.e]])
    origin = np.array([transform.c, transform.f])
    to_crop = np.linalg.inv(linear)

    def mean_at(indices: Iterable[int]) -> float | None:
        values = []
        for index in indices:
            x, y = (round(value) for value in to_crop @ (np.array(landmarks[index]) - origin))
            if min(x, y) >= _AROUND and max(x, y) < FACE_CROP_SIZE - _AROUND:
                rows, columns = (slice(at - _AROUND, at + _AROUND + 1) for at in (y, x))
                values.append(float(_luma(crop_rgb[rows, columns]).mean()))
        return sum(values) / len(values) if values else None

    irises, cheeks = mean_at(_IRISES), mean_at(_CHEEKS)
    return None if irises is None or cheeks is None else irises - cheeks
