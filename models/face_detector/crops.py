"""Training crops: square windows round faces, at a scale that is drawn anew each time.

A face of 10 px in a large photograph and one of 300 px in a portrait are both shown at every
height the detector will meet, so a few thousand photographs last for many passes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]

GREY = 114
SMALLEST_FACE_PX = 4.0
LEAST_VISIBLE = 0.4
LARGE_CROP = 400


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


def round_a_face(boxes: Boxes, width: int, height: int, size: int) -> Window:
    """Choose a face, the height it shall have, and where in the crop it shall lie."""
    box = boxes[random.randrange(len(boxes))]
    face = float(max(box[3] - box[1], 1.0))
    lowest, highest = (6.0, size * 1.02) if random.random() < 0.6 else (6.0, size / 5)
    if size > LARGE_CROP and random.random() < 0.75:  # small faces are learnt from small crops
        lowest, highest = size / 6, size * 1.05
    shown = float(np.exp(random.uniform(np.log(lowest), np.log(highest))))
    scale = min(max(shown / face, size / max(width, height)), 2.5)
    span = size / scale
    room = max(0.0, 1.0 - face * scale / size)
    x, y = (
        float(low + high) / 2 - span * (0.5 + room * random.uniform(-0.5, 0.5))
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


def move(boxes: Boxes, window: Window) -> tuple[Boxes, Boxes]:
    """Bring boxes into the crop: the clipped ones worth learning, and the rest to be hidden."""
    if not len(boxes):
        return boxes, boxes
    moved = (boxes - np.array([window.left, window.top] * 2, np.float32)) * window.scale
    clipped = moved.clip(0, window.size)
    size = clipped[:, 2:] - clipped[:, :2]
    full = np.maximum(moved[:, 2:] - moved[:, :2], 1e-3)
    visible = size.prod(1) / full.prod(1)
    good = (size.min(1) >= SMALLEST_FACE_PX - 1) & (size.max(1) >= SMALLEST_FACE_PX)
    good &= visible >= LEAST_VISIBLE
    return clipped[good], clipped[~good & (size.min(1) > 0)]


def hide(crop: Image, regions: Boxes) -> None:
    """Smear regions that are neither a face to learn nor background, in place."""
    for left, top, right, bottom in regions.round().astype(int):
        region = crop[top : max(bottom, top + 1), left : max(right, left + 1)]
        if region.size:
            region[:] = region.mean((0, 1)).astype(np.uint8)


def disturb(crop: Image, boxes: Boxes) -> tuple[Image, Boxes]:
    """Mirror, turn by quarters (rarely), and change colour and sharpness."""
    size = crop.shape[0]
    if random.random() < 0.5:
        crop = crop[:, ::-1]
        boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    if random.random() < 0.04:
        for _ in range(random.choice((1, 1, 2, 3, 3))):
            crop = np.rot90(crop)
            boxes = np.stack([boxes[:, 1], size - boxes[:, 2], boxes[:, 3], size - boxes[:, 0]], 1)
    crop = np.ascontiguousarray(crop)
    if random.random() < 0.7:
        gain = np.array([random.uniform(0.9, 1.1) for _ in range(3)]) * random.uniform(0.6, 1.4)
        steps = np.arange(256)[:, None] * gain + random.uniform(-20, 20)
        crop = cv2.LUT(crop, steps.clip(0, 255).astype(np.uint8)[None])
    chance = random.random()
    if chance < 0.06:
        crop = np.repeat(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[..., None], 3, 2)
    elif chance < 0.12:
        crop = cv2.GaussianBlur(crop, (0, 0), random.uniform(0.4, 1.2))
    elif chance < 0.18:
        quality = [cv2.IMWRITE_JPEG_QUALITY, random.randint(25, 70)]
        crop = cv2.imdecode(cv2.imencode(".jpg", crop, quality)[1], cv2.IMREAD_COLOR)
    return crop, boxes


def read(path: Path, cache: Path | None) -> Image | None:
    """Decode a photograph (BGR), or map it from the cache where decoded pixels are kept."""
    if cache is None:
        return cv2.imread(str(path), cv2.IMREAD_COLOR)
    stored = cache / f"{path.stem}.npy"
    if not stored.exists():
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            return None
        np.save(stored, image)
    return np.load(stored, mmap_mode="r")  # type: ignore[no-any-return]


def crops_of(
    image: Image, faces: Boxes, ignored: Boxes, size: int, count: int, whole: float | None = None
) -> list[tuple[Image, Boxes]]:
    """Give `count` crops (BGR) of one photograph with their boxes (xyxy, pixels).

    `whole` is the share of them that shows the photograph as it is; more often at large sizes
    where nothing is said.
    """
    height, width = image.shape[:2]
    found = []
    if whole is None:
        whole = 0.3 if size > LARGE_CROP else 0.12
    for _ in range(count):
        if not len(faces) or random.random() < whole:
            window = whole_image(width, height, size)
        else:
            window = round_a_face(faces, width, height, size)
        boxes, hidden = move(faces, window)
        crop = cut(image, window)
        hide(crop, np.concatenate([hidden, *move(ignored, window)]))
        found.append(disturb(crop, boxes))
    return found


def mosaic(parts: list[tuple[Image, Boxes]]) -> tuple[Image, Boxes]:
    """Join four crops of one size into a square of twice that size."""
    size = parts[0][0].shape[0]
    rows = [np.hstack([parts[i][0], parts[i + 1][0]]) for i in (0, 2)]
    offsets = [(0, 0), (size, 0), (0, size), (size, size)]
    boxes = [
        found + np.array(offset * 2, np.float32)
        for (_, found), offset in zip(parts, offsets, strict=True)
    ]
    return np.vstack(rows), np.concatenate(boxes)
