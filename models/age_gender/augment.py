"""Jitter of the training crops: where the box may be off, and how pictures may be worse."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from covers import cover_anywhere, cover_eyes, cover_forehead, cover_mouth
from network import ZOOMS
from prepare import CACHED_SIZE, WIDENING

Image = npt.NDArray[Any]  # uint8; OpenCV's stubs promise less

RENDER_SIZE = 112
BOX_SIDE = CACHED_SIZE / (WIDENING * 1.4)  # of the face box, in pixels of a cached crop
ROUGH_SHARE = 0.6  # of the samples whose box is badly off
# What the zooms of the served graphs show of boxes that are 0.8 to 1.25 times as large as they
# should be, and a little beyond.
ROUGH_SCALES = (0.66, 1.34)
GREY_SHARE = 0.1
OLD_PRINT_SHARE = 0.06


def render(
    cached: Image, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0), roll: float = 0.0
) -> Image:
    """The crop as the pipeline would cut it for a box that is off.

    Args:
        cached: `(CACHED_SIZE, CACHED_SIZE, 3)` uint8.
        scale: of the box.
        shift: of the box, in shares of its side.
        roll: of the crop, radians.

    Returns:
        `(RENDER_SIZE, RENDER_SIZE, 3)` uint8.
    """
    zoom = scale * CACHED_SIZE / (WIDENING * RENDER_SIZE)
    cos, sin = zoom * math.cos(roll), zoom * math.sin(roll)
    half = (RENDER_SIZE - 1) / 2
    x = (CACHED_SIZE - 1) / 2 + shift[0] * BOX_SIDE
    y = (CACHED_SIZE - 1) / 2 + shift[1] * BOX_SIDE
    matrix = np.array(
        [[cos, -sin, x - half * cos + half * sin], [sin, cos, y - half * sin - half * cos]]
    )
    out: Image = cv2.warpAffine(
        cached,
        matrix,
        (RENDER_SIZE, RENDER_SIZE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return out


def jittered(cached: Image, rng: np.random.Generator, may_cover: bool = True) -> Image:
    """A random view of a cached crop; `(RENDER_SIZE, RENDER_SIZE, 3)` uint8, RGB."""
    if rng.random() < ROUGH_SHARE:
        scale = math.exp(rng.uniform(*np.log(ROUGH_SCALES)))
        shift = rng.uniform(-0.13, 0.13), rng.uniform(-0.13, 0.13)
        roll = math.radians(rng.uniform(-20, 20))
    else:
        zoom = ZOOMS[rng.integers(len(ZOOMS))]
        scale = zoom * math.exp(float(np.clip(rng.normal(0, 0.07), -0.2, 0.2)))
        shift = float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))
        roll = math.radians(rng.normal(0, 4))
    image = render(cached, scale, shift, roll)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    image = _degraded(image, rng)
    image = _recoloured(image, rng)
    if may_cover and rng.random() < 0.15:
        image = _covered(image, rng)
    return np.ascontiguousarray(image)


def _degraded(image: Image, rng: np.random.Generator) -> Image:
    """Small faces, soft focus, compression."""
    if rng.random() < 0.2:
        small = int(RENDER_SIZE * rng.uniform(0.25, 0.75))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (RENDER_SIZE, RENDER_SIZE), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.1:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.15:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        decoded = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        assert decoded is not None
        image = decoded
    return image


def _recoloured(image: Image, rng: np.random.Generator) -> Image:
    """Light, contrast, white balance, saturation, noise; old prints and scans of them."""
    is_old = rng.random() < OLD_PRINT_SHARE
    saturation = 0.0 if is_old or rng.random() < GREY_SHARE else rng.uniform(0.6, 1.35)
    grey = np.full((3, 3), 1 / 3, np.float32) * (1 - saturation)
    matrix = grey + np.eye(3, dtype=np.float32) * saturation
    matrix *= (
        rng.uniform(0.85, 1.15, (3, 1)) if rng.random() < 0.2 else rng.uniform(0.95, 1.05, (3, 1))
    )
    contrast, light = rng.uniform(0.7, 1.3), rng.uniform(-0.15, 0.15) * 255
    if is_old:  # faded, and yellowed as prints are
        contrast, light = rng.uniform(0.5, 1.2), rng.uniform(-0.05, 0.2) * 255
        matrix *= np.array([[1.05], [1.0], [rng.uniform(0.7, 1.0)]], np.float32)
    offset = np.full((3, 1), 128 * (1 - contrast) + light, np.float32)
    affine = np.hstack([matrix * contrast, offset]).astype(np.float32)
    out: Image = cv2.transform(image, affine)
    if rng.random() < 0.5:
        table = 255 * (np.arange(256) / 255) ** rng.uniform(0.7, 1.4)
        out = cv2.LUT(out, table.astype(np.uint8))
    if rng.random() < 0.1:
        noise = rng.standard_normal(out.shape, np.float32) * rng.uniform(2, 12)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return out


def _covered(image: Image, rng: np.random.Generator) -> Image:
    """Something over a part of the face: a hand, a mask, sunglasses, a hat."""
    cover = (cover_mouth, cover_eyes, cover_forehead, cover_anywhere)[rng.integers(4)]
    return cover(image, rng)
