"""Training crops: square windows round faces, at a scale that is drawn anew each time.

A face of 10 px in a large photograph and one of 300 px in a portrait are both shown at every
height the detector will meet, so a few thousand photographs last for many passes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]
"""(n, 4): x1, y1, x2, y2."""
Faces = npt.NDArray[np.float32]
"""(n, 14): the box, then five points x, y; a point that nobody knows is NaN."""

GREY = 114
SMALLEST_FACE_PX = 4.0
LEAST_VISIBLE = 0.4
LARGE_CROP = 400
BENT, QUARTER_TURNS = 0.3, 0.12
CUT_BY_THE_FRAME = 0.3
REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
MIRRORED = [0, 1, 2, 3, 6, 7, 4, 5, 8, 9, 12, 13, 10, 11]
"""The columns of a face after mirroring: left and right change places."""


@dataclass(frozen=True)
class Window:
    """A square of the source: top left corner, and the factor from source to crop."""

    left: float
    top: float
    scale: float
    size: int


def whole_image(width: int, height: int, size: int) -> Window:
    """Show the whole photograph, as the service does, give or take a fifth in scale."""
    scale = size / max(width, height) * random.uniform(0.8, 1.1)
    return Window(
        (width - size / scale) * random.random(),
        (height - size / scale) * random.random(),
        scale,
        size,
    )


def round_a_face(faces: Faces, width: int, height: int, size: int) -> Window:
    """Choose a face, the height it shall have, and where in the crop it shall lie."""
    box = faces[random.randrange(len(faces)), :4]
    face = float(max(box[3] - box[1], 1.0))
    lowest, highest = (6.0, size * 1.02) if random.random() < 0.5 else (6.0, size / 5)
    if size > LARGE_CROP and random.random() < 0.5:  # small faces are learnt from small crops
        lowest, highest = size / 6, size * 0.8
    shown = float(np.exp(random.uniform(np.log(lowest), np.log(highest))))
    scale = min(max(shown / face, size / max(width, height)), 2.5)
    span = size / scale
    room = max(0.0, 1.0 - face * scale / size)
    is_cut = face * scale > size / 5 and random.random() < CUT_BY_THE_FRAME
    x, y = (
        float(low + high) / 2
        - span * (0.5 + room * random.uniform(-0.5, 0.5))
        + is_cut * face * random.uniform(-0.5, 0.5)
        for low, high in ((box[0], box[2]), (box[1], box[3]))
    )
    if random.random() < 0.85:  # keep the grey beyond the photograph's edge small
        x, y = inside(x, width - span), inside(y, height - span)
    return Window(x, y, scale, size)


def inside(start: float, room: float) -> float:
    """Move a window's start so that it leaves the photograph as little as it can."""
    return min(max(start, 0.0), room) if room >= 0 else room * random.random()


def cut(image: Image, window: Window) -> Image:
    """Cut the window out and resize it; what lies outside the photograph is grey."""
    height, width = image.shape[:2]
    span = window.size / window.scale
    left, top = round(window.left), round(window.top)
    right, bottom = round(window.left + span), round(window.top + span)
    inner = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    crop = np.full((window.size, window.size, 3), GREY, np.uint8)
    if not inner.size:
        return crop
    x, y = (round(max(-edge, 0) * window.scale) for edge in (left, top))
    new_width = min(max(1, round(inner.shape[1] * window.scale)), window.size - x)
    new_height = min(max(1, round(inner.shape[0] * window.scale)), window.size - y)
    shrinks = window.scale < 1 and random.random() < 0.6
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    crop[y : y + new_height, x : x + new_width] = cv2.resize(
        inner, (new_width, new_height), interpolation=method
    )
    return crop


def move(faces: Faces, window: Window) -> tuple[Faces, Boxes]:
    """Bring faces into the crop: the clipped ones worth learning, and boxes to be hidden."""
    corner = np.tile(np.array([window.left, window.top], np.float32), faces.shape[1] // 2)
    return clip((faces - corner) * window.scale, window.size)


def clip(moved: Faces, size: int) -> tuple[Faces, Boxes]:
    """Clip boxes to the crop; part those worth learning from those to be hidden."""
    clipped = moved.copy()
    clipped[:, :4] = moved[:, :4].clip(0, size)
    sides = clipped[:, 2:4] - clipped[:, :2]
    full = np.maximum(moved[:, 2:4] - moved[:, :2], 1e-3)
    good = (sides.min(1) >= SMALLEST_FACE_PX - 1) & (sides.max(1) >= SMALLEST_FACE_PX)
    good &= sides.prod(1) / full.prod(1) >= LEAST_VISIBLE
    return clipped[good], clipped[~good & (sides.min(1) > 0), :4]


def hide(crop: Image, regions: Boxes) -> None:
    """Smear regions that are neither a face to learn nor background, in place."""
    for left, top, right, bottom in regions.round().astype(int):
        region = crop[top : max(bottom, top + 1), left : max(right, left + 1)]
        if region.size:
            region[:] = region.mean((0, 1)).astype(np.uint8)


def mirror(crop: Image, faces: Faces) -> tuple[Image, Faces]:
    """Mirror left and right."""
    mirrored = faces[:, MIRRORED].copy()
    mirrored[:, 0::2] = crop.shape[1] - mirrored[:, 0::2]
    mirrored[:, [0, 2]] = mirrored[:, [2, 0]]
    return crop[:, ::-1], mirrored


def bend(crop: Image, faces: Faces) -> tuple[Image, Faces]:
    """Turn and stretch. A face is taken for the ellipse in its box, whose new box is exact."""
    size = crop.shape[0]
    angle = math.radians(random.gauss(0, 18))
    if random.random() < QUARTER_TURNS:
        angle += math.pi / 2 * random.choice((1, 1, 2, 3, 3))
    stretch = math.exp(random.uniform(-0.2, 0.2))
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine * stretch, -sine], [sine * stretch, cosine]])
    turn += [[0, random.uniform(-0.15, 0.15)], [random.uniform(-0.15, 0.15), 0]]
    shift = size / 2 * (1 - turn.sum(1))
    matrix = np.hstack([turn, shift[:, None]])
    border = cv2.BORDER_REPLICATE if random.random() < 0.5 else cv2.BORDER_CONSTANT
    bent = cv2.warpAffine(
        crop, matrix, (size, size), borderMode=border, borderValue=(GREY, GREY, GREY)
    )
    if not len(faces):
        return np.asarray(bent, np.uint8), faces
    points = np.concatenate([(faces[:, None, :2] + faces[:, None, 2:4]) / 2,
                             faces[:, 4:].reshape(len(faces), -1, 2)], 1)  # fmt: skip
    points = points @ turn.T + shift
    half = np.sqrt(((faces[:, 2:4] - faces[:, :2]) / 2) ** 2 @ (turn.T**2))
    moved = np.concatenate(
        [points[:, 0] - half, points[:, 0] + half, points[:, 1:].reshape(len(faces), -1)], 1
    )
    kept, hidden = clip(moved.astype(np.float32), size)
    shown = np.ascontiguousarray(bent, np.uint8)
    hide(shown, hidden)
    return shown, kept


def recolour(crop: Image) -> Image:
    """Change colour and sharpness."""
    if random.random() < 0.7:
        gain = np.array([random.uniform(0.9, 1.1) for _ in range(3)]) * random.uniform(0.5, 1.4)
        steps = np.arange(256)[:, None] * gain + random.uniform(-20, 20)
        crop = np.asarray(cv2.LUT(crop, steps.clip(0, 255).astype(np.uint8)[None]), np.uint8)
    chance = random.random()
    if chance < 0.06:
        grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
        crop = np.repeat(grey[..., None], 3, 2)
    elif chance < 0.12:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), random.uniform(0.4, 1.2)), np.uint8)
    elif chance < 0.18:
        quality = [cv2.IMWRITE_JPEG_QUALITY, random.randint(25, 70)]
        packed = cv2.imencode(".jpg", crop, quality)[1]
        crop = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return crop


def disturb(crop: Image, faces: Faces) -> tuple[Image, Faces]:
    """Mirror, turn, stretch, and change colour and sharpness."""
    if random.random() < 0.5:
        crop, faces = mirror(crop, faces)
    crop = np.ascontiguousarray(crop)
    if random.random() < BENT:
        crop, faces = bend(crop, faces)
    return recolour(crop), faces


def read(path: Path, scale: float) -> tuple[Image | None, int]:
    """Decode a photograph (BGR) no larger than it will be shown; give by what it was shrunk."""
    less = 8 if scale <= 1 / 8 else 4 if scale <= 1 / 4 else 2 if scale <= 1 / 2 else 1
    image = cv2.imread(str(path), REDUCED[less])
    return None if image is None else np.asarray(image, np.uint8), less


def crops_of(
    path: Path, sample: dict[str, Any], size: int, count: int, whole: float
) -> list[tuple[Image, Faces]]:
    """Give `count` crops (BGR) of one photograph with their faces, in pixels of the crop.

    `whole` is the share of them that shows the photograph as it is.
    """
    faces, ignored = sample["faces"], sample["ignored"]
    width, height = sample["width"], sample["height"]
    windows = [
        whole_image(width, height, size)
        if not len(faces) or random.random() < whole
        else round_a_face(faces, width, height, size)
        for _ in range(count)
    ]
    image, less = read(path, max(window.scale for window in windows))
    if image is None:
        return []
    found = []
    for window in windows:
        left, top = window.left / less, window.top / less
        crop = cut(image, Window(left, top, window.scale * less, size))
        shown, hidden = move(faces, window)
        hide(crop, np.concatenate([hidden, move(ignored, window)[1], move(ignored, window)[0]]))
        found.append(disturb(crop, shown))
    return found


def mosaic(parts: list[tuple[Image, Faces]]) -> tuple[Image, Faces]:
    """Join four crops of one size into a square of twice that size."""
    size = parts[0][0].shape[0]
    rows = [np.hstack([parts[i][0], parts[i + 1][0]]) for i in (0, 2)]
    offsets = [(0, 0), (size, 0), (0, size), (size, size)]
    faces = [
        found + np.array(offset * 7, np.float32)
        for (_, found), offset in zip(parts, offsets, strict=True)
    ]
    return np.vstack(rows), np.concatenate(faces)
