"""Non-maximum suppression: of boxes that overlap, the surest stays. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from landmark_service.faces import FloatArray


def non_maximum_suppression(
    xyxy: FloatArray, confidence: FloatArray, iou: float
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, surest first.

    Args:
        xyxy: shape `(n, 4)`, corners in pixels.
        confidence: shape `(n,)`.
        iou: a box that overlaps a surer one that stays by more than this goes.

    Returns:
        shape `(kept,)`.
    """
    order = np.argsort(-confidence, kind="stable")
    kept: list[int] = []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(int(best))
        order = others[intersection_over_union(xyxy[best], xyxy[others]) <= iou]
    return np.array(kept, np.intp)


def intersection_over_union(box: FloatArray, others: FloatArray) -> FloatArray:
    """Overlap of one box, shape `(4,)`, with others, shape `(n, 4)`; 0-1, shape `(n,)`."""
    top_left = np.maximum(box[:2], others[:, :2])
    bottom_right = np.minimum(box[2:], others[:, 2:])
    sides = np.clip(bottom_right - top_left, 0, None)
    intersection = sides[:, 0] * sides[:, 1]
    union = _area(box[None]) + _area(others) - intersection
    overlap: FloatArray = np.zeros(len(others), np.float32)
    np.divide(intersection, union, out=overlap, where=union > 0)
    return overlap


def _area(boxes: FloatArray) -> FloatArray:
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    area: FloatArray = sides[:, 0] * sides[:, 1]
    return area
