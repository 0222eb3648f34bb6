"""Cut what the refiner learns from: the detector's candidates in every training photograph.

    refiner_lessons.py --index index.json --data DIR --model face_detector.onnx --out DIR

Writes `crops.raw`, uint8 (n, STORED, STORED, 3) RGB, and `lessons.npz`: `boxes` (n, 5: the
candidate and its confidence), `faces` (n, 4: the face that it overlaps most, NaN if hardly any),
`overlaps` (n), `squares` (n, 3: left, top, side of the crop) and `sources` (n). Of WIDER's
photographs each face comes twice more, with a box put near it at random: what the detector did not
suggest is learnt too. Candidates inside a region that nobody labelled are left out.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from detectors import candidates_of
from prepare import UNKNOWN
from refiner_network import CONTEXT

from landmark_service.adapters.refiner import square_crop

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

STORED, MARGIN = 64, 20 / 17
"""Pixels of a stored crop, and how much more than the network sees it shows: room to jitter."""
LEAST_CONFIDENCE = 0.02
FOUND_IOU, IGNORED_SHARE = 0.2, 0.4
MOST_FACES, MOST_OTHERS, SUREST_OTHERS = 60, 40, 25
JITTERED, LEAST_JITTERED_PX, JITTERS = 40, 10, (0.12, 0.3)


def overlaps(boxes: Array, faces: Array, own: bool = False) -> Array:
    """Give IoU (n, m); with `own`, the share of each box that lies inside each face."""
    low = np.maximum(boxes[:, None, :2], faces[None, :, :2])
    high = np.minimum(boxes[:, None, 2:4], faces[None, :, 2:4])
    common = (high - low).clip(0).prod(2)
    area = (boxes[:, 2:4] - boxes[:, :2]).prod(1)[:, None]
    total = 0 if own else (faces[:, 2:4] - faces[:, :2]).prod(1)[None] - common
    return np.asarray(common / np.maximum(area + total, 1e-6))


def taught(found: Array, faces: Array, ignored: Array) -> Array:
    """Choose candidates of a photograph: most that overlap a face, the surest and some others."""
    best = overlaps(found, faces).max(1, initial=0)
    unlabelled = overlaps(found, ignored, own=True).max(1, initial=0) > IGNORED_SHARE
    at_faces = np.flatnonzero(best >= FOUND_IOU).tolist()
    others = np.flatnonzero((best < FOUND_IOU) & ~unlabelled)
    others = others[np.argsort(-found[others, 4])].tolist()
    rest = others[SUREST_OTHERS:]
    chosen = random.sample(at_faces, min(MOST_FACES, len(at_faces)))
    chosen += others[:SUREST_OTHERS]
    chosen += random.sample(rest, min(MOST_OTHERS - SUREST_OTHERS, len(rest)))
    return found[chosen]


def jittered(faces: Array, shape: tuple[int, int]) -> Array:
    """Put two boxes near each of some faces, (n, 5); their confidence is made up."""
    large = [face for face in faces if (face[2:4] - face[:2]).max() >= LEAST_JITTERED_PX]
    rows = []
    for face in random.sample(large, min(JITTERED, len(large))):
        sides, middle = face[2:4] - face[:2], (face[:2] + face[2:4]) / 2
        for spread in JITTERS:
            shift = np.random.normal(0, spread, 2).clip(-0.8, 0.8)
            grown = np.exp(np.random.normal(0, spread, 2).clip(-0.8, 0.8))
            half = sides * (0.6 * grown + 0.4 * grown.mean()) / 2
            box = np.concatenate([middle + shift * sides - half, middle + shift * sides + half])
            inside = (box[2:] > 2).all() and (box[:2] < np.array(shape[::-1]) - 2).all()
            if inside:
                rows.append([*box, np.clip(random.betavariate(1, 4), LEAST_CONFIDENCE, 0.9)])
    return np.array(rows).reshape(-1, 5)


def lessons_of(image: Image, sample: dict[str, Any], found: Array) -> Array:
    """Give the candidates (n, 5) of one photograph that are learnt from."""
    faces, ignored = faces_of(sample), np.array(sample["ignored"], float).reshape(-1, 4)
    rows = taught(found, faces, ignored)
    if sample["source"].startswith("wider"):
        rows = np.concatenate([rows, jittered(faces, image.shape[:2])])
    return rows


def faces_of(sample: dict[str, Any]) -> Array:
    faces = np.array(sample["faces"], float).reshape(-1, 14)[:, :4]
    return faces[(faces > UNKNOWN / 2).all(1)]


def write(
    samples: list[dict[str, Any]], args: argparse.Namespace, crops: BinaryIO
) -> Iterator[Any]:
    """Write the crops of all photographs; give the rows of `lessons.npz`."""
    candidates = candidates_of(args.model, LEAST_CONFIDENCE)
    for at, sample in enumerate(samples):
        pixels = cv2.imread(str(args.data / sample["image"]))
        if pixels is None:
            continue
        image = np.ascontiguousarray(pixels[..., ::-1], np.uint8)
        faces = faces_of(sample)
        for row in lessons_of(image, sample, candidates(image).astype(float)):
            table = overlaps(row[None], faces)[0] if len(faces) else np.zeros(1)
            best = int(table.argmax())
            face = faces[best] if table[best] >= FOUND_IOU else np.full(4, np.nan)
            crop, square = square_crop(image, row[:4], CONTEXT * MARGIN, STORED)
            crops.write(crop.tobytes())
            yield row, face, table[best], square, sample["source"]
        if at % 500 == 0:
            print(f"{at} of {len(samples)} photographs", flush=True)


def main() -> None:
    """Read the index, look at each photograph, write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--index", "--data", "--model", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    random.seed(7)
    np.random.seed(7)
    samples = [s for s in json.loads(args.index.read_text()) if s["split"] == "train"]
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "crops.raw").open("wb") as crops:
        rows = list(write(samples, args, crops))
    names = ("boxes", "faces", "overlaps", "squares", "sources")
    columns: Any = {n: np.array(c) for n, c in zip(names, zip(*rows, strict=True), strict=True)}
    np.savez(args.out / "lessons.npz", **columns)
    print(f"{len(rows)} lessons of {len(samples)} photographs")


if __name__ == "__main__":
    main()
