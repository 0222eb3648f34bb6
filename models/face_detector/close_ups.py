"""Portraits cut tight: is a face that fills the frame still found?"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from detectors import Detect, Detections

GROWTHS = (-0.1, 0.0, 0.1, 0.3)
LEAST_COVER = 0.4


def tight_portraits(
    detect: Detect, threshold: float, finder: Detect, folder: Path
) -> dict[str, int]:
    """Cut portraits to the face's own box, then 10 % in, 10 % and 30 % out; count those found.

    Args:
        detect: the detector that is measured.
        threshold: score from which it counts.
        finder: says where the face of the whole portrait is.
        folder: the portraits, `*.jpg`, one face each.
    """
    found = total = 0
    for path in sorted(folder.glob("*.jpg")):
        image = cv2.imread(str(path))
        left, top, right, bottom = finder(image)[0, :4]
        for growth in GROWTHS:
            x, y = growth * (right - left) / 2, growth * (bottom - top) / 2
            rows = slice(max(0, int(top - y)), int(bottom + y))
            crop = image[rows, max(0, int(left - x)) : int(right + x)]
            total += 1
            found += _fills(detect(np.ascontiguousarray(crop)), crop.shape, threshold)
    return {"found": found, "of": total}


def _fills(found: Detections, shape: tuple[int, ...], threshold: float) -> bool:
    """Say whether a detection covers at least `LEAST_COVER` of the crop."""
    edges = np.array([shape[1], shape[0]] * 2)
    boxes = found[found[:, 4] >= threshold, :4].clip(0, edges)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return bool((areas > LEAST_COVER * shape[0] * shape[1]).any())
