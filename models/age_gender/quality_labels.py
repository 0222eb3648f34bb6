"""What the third head learns from: faces whole and covered, clear and poor, and what is no face.

Faces are those of FairFace's cached crops; masks are those of a set of masked faces (MaskON, see
../README.md), and painted; what is no face is what YuNet half takes for one in the detector's
negatives, and places at random. The lists of ../evaluation_sets take no part.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from augment import RENDER_SIZE, Image, jittered, render
from covers import cover_eyes, cover_forehead, cover_mouth
from facepipe.domain.geometry import BoundingBox
from facepipe.files.imaging import cut_face_crop
from prepare import CACHED_SIZE, WIDENING, read_rgb, scaled_box

UNKNOWN = -1.0
Labels = tuple[float, float, float, float]
"""By `network.QUALITY_CUES`: face, mouth covered, eyes covered, clear; `UNKNOWN`: no label."""

NO_FACE: Labels = (0.0, UNKNOWN, UNKNOWN, UNKNOWN)
LEAST_SIDE = 24
BOXES_AT_RANDOM = 4
PICTURE_SCORE = 0.3  # of YuNet: what it half takes for a face teaches most


def of_face(cached: Image, rng: np.random.Generator) -> tuple[Image, Labels]:
    """A face as it is, or covered, or made poor, or erased."""
    kind = rng.random()
    if kind < 0.35:
        return jittered(cached, rng, may_cover=False), (1.0, 0.0, 0.0, UNKNOWN)
    if kind < 0.5:
        return cover_mouth(_view(cached, rng), rng), (1.0, 1.0, 0.0, UNKNOWN)
    if kind < 0.6:
        return cover_eyes(_view(cached, rng), rng), (1.0, 0.0, 1.0, UNKNOWN)
    if kind < 0.65:
        return cover_forehead(_view(cached, rng), rng), (1.0, 0.0, 0.0, UNKNOWN)
    if kind < 0.72:
        return erased(_view(cached, rng), rng), NO_FACE
    if kind < 0.84:
        return _view(cached, rng), (1.0, 0.0, 0.0, 1.0)
    image, clear = made_poor(_view(cached, rng), rng)
    return image, (1.0, UNKNOWN, UNKNOWN, clear)


def erased(image: Image, rng: np.random.Generator) -> Image:
    """The face painted over, smeared, or blocked out, its surroundings left."""
    size = image.shape[0]
    stencil = np.zeros(image.shape[:2], np.float32)
    middle = (round(size * rng.normal(0.5, 0.02)), round(size * rng.normal(0.5, 0.02)))
    half = (round(size * rng.uniform(0.24, 0.36)), round(size * rng.uniform(0.3, 0.42)))
    cv2.ellipse(stencil, middle, half, 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(stencil, (0, 0), rng.uniform(0.5, 5))[..., None]
    way = rng.integers(4)
    if way == 0:
        filling: Any = np.broadcast_to(image[stencil > 0].mean(0), image.shape)
    elif way == 1:
        filling = cv2.GaussianBlur(image, (0, 0), size * rng.uniform(0.1, 0.2))
    elif way == 2:
        few = int(rng.integers(2, 6))
        blocks = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
        filling = cv2.resize(blocks, (size, size), interpolation=cv2.INTER_NEAREST)
    else:
        filling = np.broadcast_to(rng.integers(0, 256, 3).astype(np.float64), image.shape)
    out: Image = (image * (1 - soft) + filling * soft).astype(np.uint8)
    return out


def made_poor(image: Image, rng: np.random.Generator) -> tuple[Image, float]:
    """The picture spoilt in one way, and how clear it still is, 0-1."""
    way, harm = rng.integers(4), rng.uniform(0, 1)
    if way == 0:
        small = round(RENDER_SIZE * 0.75 * 0.12**harm)
        tiny = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        out: Any = cv2.resize(tiny, (RENDER_SIZE, RENDER_SIZE), interpolation=cv2.INTER_CUBIC)
    elif way == 1:
        out = cv2.GaussianBlur(image, (0, 0), 0.6 + 5.4 * harm)
    elif way == 2:
        light = 0.5 * 0.06**harm if rng.random() < 0.5 else 1 + 4 * harm
        out = np.clip(image * light, 0, 255).astype(np.uint8)
    else:
        noise = rng.standard_normal(image.shape, np.float32) * (8 + 72 * harm)
        out = np.clip(image + noise, 0, 255).astype(np.uint8)
    return out, 1.0 - harm


def masked_faces(annotations: Sequence[Path], images: Path) -> Iterator[tuple[Image, Labels]]:
    """Crops of the labelled faces of VOC files, wide as the cache keeps them."""
    for annotation in annotations:
        root = ElementTree.parse(annotation).getroot()  # noqa: S314  # files that we were pointed to
        picture = read_rgb(next(images.glob(f"{annotation.stem}.*")))
        for one in root.iter("object"):
            is_covered = _MOUTH_COVERED.get(str(one.findtext("name")))
            x1, y1, x2, y2 = (int(float(one.findtext(f"bndbox/{e}", "0"))) for e in _EDGES)
            if is_covered is not None and max(x2 - x1, y2 - y1) >= LEAST_SIDE:
                box = BoundingBox(x1, y1, x2, y2)
                yield wide_crop(picture, box), (1.0, is_covered, UNKNOWN, UNKNOWN)


# By MaskON's names; of a mask worn wrong nothing is said.
_MOUTH_COVERED = {"con_mascarilla": 1.0, "sin_mascarilla": 0.0}
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def no_faces(
    paths: Sequence[Path], detector: Path, rng: np.random.Generator
) -> Iterator[tuple[Image, Labels]]:
    """Crops of pictures without a face: where YuNet sees one, and at random."""
    yunet = cv2.FaceDetectorYN.create(str(detector), "", (320, 320), PICTURE_SCORE, 0.3, 50)
    for path in paths:
        picture = read_rgb(path)
        height, width = picture.shape[:2]
        yunet.setInputSize((width, height))
        found: Any = yunet.detect(np.ascontiguousarray(picture[..., ::-1]))[1]
        boxes = [] if found is None else [tuple(map(float, row[:4])) for row in found]
        for _ in range(BOXES_AT_RANDOM):
            side = rng.uniform(0.15, 0.8) * min(width, height)
            boxes.append((rng.uniform(0, width - side), rng.uniform(0, height - side), side, side))
        for x, y, w, h in boxes:
            if max(w, h) >= LEAST_SIDE:
                box = BoundingBox(round(x), round(y), round(x + w) + 1, round(y + h) + 1)
                yield wide_crop(picture, box), NO_FACE


def wide_crop(picture: npt.NDArray[np.uint8], box: BoundingBox) -> Image:
    """As prepare.py cuts them, unturned."""
    crop = cut_face_crop(picture, scaled_box(box, WIDENING), ())
    out: Image = cv2.resize(crop, (CACHED_SIZE, CACHED_SIZE), interpolation=cv2.INTER_AREA)
    return out


def _view(cached: Image, rng: np.random.Generator) -> Image:
    """A little off, and perhaps mirrored; as sharp as it was."""
    shift = (float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03)))
    image = render(cached, float(np.exp(rng.normal(0, 0.07))), shift, float(rng.normal(0, 0.06)))
    return np.ascontiguousarray(image[:, ::-1] if rng.random() < 0.5 else image)
