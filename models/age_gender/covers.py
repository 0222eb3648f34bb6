"""Paints over a part of an upright face crop: masks, sunglasses, hats, anything."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]  # uint8, RGB; OpenCV's stubs promise less

# Where an upright face lies in its crop, in shares of the crop's side.
MIDDLE, EYES, NOSE, MOUTH, CHIN, CHEEK, EYE = 0.5, 0.36, 0.51, 0.63, 0.79, 0.26, 0.12


def cover_mouth(image: Image, rng: np.random.Generator) -> Image:
    """A mask, a scarf or a hand from the nose to under the chin."""
    top, side = rng.uniform(EYES + 0.08, NOSE + 0.02), rng.uniform(0.85, 1.15) * CHEEK
    dip, bottom = rng.uniform(-0.03, 0.06), rng.uniform(CHIN - 0.04, CHIN + 0.1)
    middle = rng.normal(MIDDLE, 0.03)
    jaw = 0.75 * side
    outline = [
        (middle - side, top + dip), (middle, top), (middle + side, top + dip),
        (middle + jaw, bottom - 0.08), (middle, bottom), (middle - jaw, bottom - 0.08),
    ]  # fmt: skip
    return _painted(image, outline, rng)


def cover_eyes(image: Image, rng: np.random.Generator) -> Image:
    """Sunglasses, or one bar over both eyes."""
    half, middle = rng.uniform(0.05, 0.09), rng.normal(MIDDLE, 0.02)
    line = rng.normal(EYES, 0.015)
    if rng.random() < 0.4:
        side = rng.uniform(0.2, 0.32)
        return _painted(
            image, _rectangle(middle - side, line - half, middle + side, line + half), rng
        )
    out = image
    colour = rng.integers(0, 90, 3)
    for eye in (middle - EYE, middle + EYE):
        out = _painted(out, _round(eye, line, rng.uniform(0.08, 0.11), half), rng, colour)
    return out


def cover_forehead(image: Image, rng: np.random.Generator) -> Image:
    """A hat, a helmet or a fringe down to the brows."""
    bottom = rng.uniform(0.18, EYES - 0.07)
    return _painted(image, _rectangle(rng.uniform(0, 0.2), 0, rng.uniform(0.8, 1), bottom), rng)


def cover_anywhere(image: Image, rng: np.random.Generator) -> Image:
    """A flat patch."""
    width, height = rng.uniform(1 / 8, 1 / 3, 2)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return _painted(image, _rectangle(left, top, left + width, top + height), rng)


_Outline = list[tuple[float, float]]


def _painted(
    image: Image, outline: _Outline, rng: np.random.Generator, colour: Any = None
) -> Image:
    """The outline filled with a colour, a shade across it and, often, a pattern of stripes."""
    size = image.shape[0]
    points = (np.array(outline) * size * 16).round().astype(np.int32)
    stencil = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(stencil, [points], 255, cv2.LINE_AA, shift=4)
    colour = rng.integers(0, 256, 3) if colour is None else colour
    along = np.linspace(-1, 1, size) * rng.uniform(-40, 40)
    shade = along[:, None] + along[None, :] * rng.uniform(-1, 1)
    if rng.random() < 0.3:
        waves = np.sin(np.arange(size) * rng.uniform(0.2, 1.5)) * rng.uniform(5, 50)
        shade = shade + (waves[:, None] if rng.random() < 0.7 else waves[None, :])
    cloth = np.clip(colour + shade[..., None], 0, 255)
    weight = stencil[..., None] / 255.0
    out: Image = (image * (1 - weight) + cloth * weight).astype(np.uint8)
    return out


def _rectangle(left: float, top: float, right: float, bottom: float) -> _Outline:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _round(x: float, y: float, half_width: float, half_height: float) -> _Outline:
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return [(x + half_width * np.cos(a), y + half_height * np.sin(a)) for a in angles]
