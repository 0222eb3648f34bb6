"""WIDER FACE's own protocol, written anew from its published evaluation.

Scores are stretched over all images to 0-1. In each image detections are taken from the best to
the worst; one that overlaps its best face by IoU 0.5 finds it, and if that face is outside the
difficulty's list the detection is left out of precision. Precision and recall are read at 1,000
thresholds, and the average precision is the area under the monotone curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Boxes = list[list[float]]

DIFFICULTIES = ("easy", "medium", "hard")
HEIGHTS = (0, 16, 32, 64, 128, 1_000_000)
HEIGHT_NAMES = [*(f"{low}-{high - 1}" for low, high in pairwise(HEIGHTS[:-1])), f"{HEIGHTS[-2]}+"]
REPORT_HEIGHTS = (50, 30, 10)
THRESHOLDS = 1000
MATCH_IOU = 0.5


@dataclass(frozen=True)
class Truth:
    """The faces of one image (n, 4: x, y, width, height) and which of them count, by list."""

    faces: Array
    counted: dict[str, npt.NDArray[np.bool_]]


def truth_by_height(rows: Iterable[tuple[str, Boxes, Boxes]]) -> dict[str, Truth]:
    """Make truth of annotations without lists: `key, valid boxes, invalid boxes` (x1, y1, x2, y2).

    A face counts from a height on; smaller and invalid ones are neither right nor wrong to find.
    """
    truth = {}
    for key, valid, invalid in rows:
        faces = np.array([*valid, *invalid], float).reshape(-1, 4)
        faces[:, 2:] -= faces[:, :2]
        is_valid = np.arange(len(faces)) < len(valid)
        counted = {f"from {low} px": is_valid & (faces[:, 3] >= low) for low in REPORT_HEIGHTS}
        truth[key] = Truth(faces, counted)
    return truth


def overlaps(found: Array, faces: Array) -> Array:
    """Give IoU (n, m) of boxes x, y, width, height, with the protocol's pixel-inclusive edges."""
    low = np.maximum(found[:, None, :2], faces[None, :, :2])
    first, second = found[:, None], faces[None]
    high = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    common = (high - low + 1).clip(0).prod(2)
    total = (first[..., 2:] + 1).prod(2) + (second[..., 2:] + 1).prod(2) - common
    return np.asarray(common / total)


def count(found: Array, scores: Array, truth: Truth, counted: npt.NDArray[np.bool_]) -> Array:
    """Give (thresholds, 2) for one image: detections that count, and faces found."""
    result = np.zeros((THRESHOLDS, 2))
    if not len(found) or not len(truth.faces):
        if len(found):
            levels = 1 - np.arange(1, THRESHOLDS + 1) / THRESHOLDS
            result[:, 0] = (scores[None] >= levels[:, None]).sum(1)
        return result
    table = overlaps(found, truth.faces)
    best = table.argmax(1)
    matched = table.max(1) >= MATCH_IOU
    first = np.zeros(len(found), bool)
    _, positions = np.unique(np.where(matched, best, -1), return_index=True)
    first[positions] = True
    hits = np.cumsum(matched & first & counted[best])
    proposals = np.cumsum(~(matched & ~counted[best]))
    for t in range(THRESHOLDS):
        taken = int((scores >= 1 - (t + 1) / THRESHOLDS).sum())
        if taken:
            result[t] = proposals[taken - 1], hits[taken - 1]
    return result


def average_precision(curve: Array, faces: int) -> float:
    """Give the area under the monotone precision-recall curve of (thresholds, 2) counts."""
    precision = np.concatenate([[0], curve[:, 1] / np.maximum(curve[:, 0], 1), [0]])
    recall = np.concatenate([[0], curve[:, 1] / max(faces, 1), [1]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return float(((recall[steps + 1] - recall[steps]) * precision[steps + 1]).sum())


def evaluate(found: dict[str, Array], truth: dict[str, Truth]) -> dict[str, float]:
    """Give AP by difficulty for detections (n, 5: x1, y1, x2, y2, score; best first)."""
    scores = np.concatenate([boxes[:, 4] for boxes in found.values()])
    low, span = scores.min(), max(float(np.ptp(scores)), 1e-9)
    result = {}
    for name in next(iter(truth.values())).counted:
        curve, faces = np.zeros((THRESHOLDS, 2)), 0
        for key, boxes in found.items():
            sizes = np.hstack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]])
            counted = truth[key].counted[name]
            curve += count(sizes, (boxes[:, 4] - low) / span, truth[key], counted)
            faces += int(counted.sum())
        result[name] = round(average_precision(curve, faces), 4)
    return result


def recall_by_height(
    found: dict[str, Array], truth: dict[str, Truth], threshold: float, least_iou: float = MATCH_IOU
) -> dict[str, float]:
    """Give the share of all faces found at a threshold, by their height in pixels."""
    hits, totals = np.zeros(len(HEIGHT_NAMES)), np.zeros(len(HEIGHT_NAMES))
    for key, boxes in found.items():
        faces = truth[key].faces
        bins = np.digitize(faces[:, 3], HEIGHTS) - 1
        totals += np.bincount(bins, minlength=len(totals))
        boxes = boxes[boxes[:, 4] >= threshold]
        if len(boxes) and len(faces):
            sizes = np.hstack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]])
            seen = overlaps(sizes, faces).max(0) >= least_iou
            hits += np.bincount(bins[seen], minlength=len(totals))
    shares = hits / np.maximum(totals, 1)
    return {n: round(float(share), 4) for n, share in zip(HEIGHT_NAMES, shares, strict=True)}


def faces_by_height(truth: Sequence[Truth]) -> dict[str, int]:
    """Count all faces of some images by their height in pixels."""
    heights = np.concatenate([image.faces[:, 3] for image in truth])
    counts = np.bincount(np.digitize(heights, HEIGHTS) - 1, minlength=len(HEIGHT_NAMES))
    return {name: int(count) for name, count in zip(HEIGHT_NAMES, counts, strict=True)}


def precision_at(found: dict[str, Array], truth: dict[str, Truth], threshold: float) -> float:
    """Give the share of detections above a threshold that lie on any annotated face."""
    right = total = 0
    for key, boxes in found.items():
        boxes = boxes[boxes[:, 4] >= threshold]
        total += len(boxes)
        if len(boxes) and len(truth[key].faces):
            sizes = np.hstack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]])
            right += int((overlaps(sizes, truth[key].faces).max(1) >= MATCH_IOU).sum())
    return round(right / max(total, 1), 4)
