"""Portraits cut tight, cut through or bent: is a face that fills the frame found, and once?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from detectors import Detect, Detections, Image

Box = npt.NDArray[np.float64]
Places = npt.NDArray[np.floating]
Warp = Callable[[Places, Places], tuple[Places, Places]]

GROWTHS = (-0.1, 0.0, 0.1, 0.3)
LEAST_COVER = 0.4
SAME_FACE_IOU = 0.4
CUTS = (0.15, 0.3)
"""Of the face, what lies outside the frame."""
WARPS: dict[str, Warp] = {
    "wave": lambda x, y: (x + 0.08 * np.sin(5 * y), y),
    "barrel": lambda x, y: _scaled(x, y, 0.75 + 0.25 * (x * x + y * y)),
    "shear": lambda x, y: (x + 0.3 * y, y),
    "swirl": lambda x, y: _turned(x, y, 0.7 * np.exp(-2 * (x * x + y * y))),
}
"""From places in the bent picture to places in the portrait, both -1 to 1."""


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
    found = total = doubled = 0
    for image, (left, top, right, bottom) in portraits(finder, folder):
        for growth in GROWTHS:
            x, y = growth * (right - left) / 2, growth * (bottom - top) / 2
            rows = slice(max(0, int(top - y)), int(bottom + y))
            crop = np.ascontiguousarray(image[rows, max(0, int(left - x)) : int(right + x)])
            seen = detect(crop)
            total += 1
            found += _fills(seen, crop.shape, threshold)
            doubled += int((seen[:, 4] >= threshold).sum() > 1)
    return {"found": found, "of": total, "doubled": doubled}


def whole_portraits(
    detect: Detect, threshold: float, finder: Detect, folder: Path
) -> dict[str, int]:
    """Count portraits with a face, and those with more boxes than the one there is."""
    counts = [
        int((detect(image)[:, 4] >= threshold).sum()) for image, _ in portraits(finder, folder)
    ]
    found, doubled = sum(map(bool, counts)), sum(count > 1 for count in counts)
    return {"found": found, "of": len(counts), "doubled": doubled}


def cut_and_bent(
    detect: Detect, threshold: float, finder: Detect, folder: Path
) -> dict[str, dict[str, int]]:
    """Count portraits found whose face the frame cuts, and those that are bent."""
    results = {}
    for name, pictures in (("cut", _cut), ("bent", _bent)):
        found = total = 0
        for image, box in portraits(finder, folder):
            for picture, place in pictures(image, box):
                seen = detect(np.ascontiguousarray(picture))
                boxes = seen[seen[:, 4] >= threshold, :4]
                total += 1
                found += bool(len(boxes) and _iou(boxes, place).max() >= SAME_FACE_IOU)
        results[name] = {"found": found, "of": total}
    return results


def portraits(finder: Detect, folder: Path) -> Iterator[tuple[Image, Box]]:
    """Each portrait and the box of its face."""
    for path in sorted(folder.glob("*.jpg")):
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        yield image, finder(image)[0, :4].astype(float)


def erased(image: Image, box: Box) -> Image:
    """A portrait whose face is a smooth patch of its own colours."""
    mask = np.zeros(image.shape[:2], np.uint8)
    centre, axes = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    cv2.ellipse(mask, centre.astype(int).tolist(), axes.astype(int).tolist(), 0, 0, 360, 255, -1)
    blend = cv2.blur(mask, (15, 15))[..., None] / 255
    colour = np.array(cv2.mean(image, mask)[:3])
    return np.asarray(image * (1 - blend) + colour * blend, np.uint8)


def _cut(image: Image, box: Box) -> Iterator[tuple[Image, Box]]:
    """The face cut by each side of the frame in turn, with as much again on the others."""
    width, height = box[2] - box[0], box[3] - box[1]
    frame = np.array([0, 0, image.shape[1], image.shape[0]], float)
    around = box + np.array([-width, -height, width, height]) * 0.4
    for share in CUTS:
        for side, inward in enumerate((width, height, -width, -height)):
            window = around.clip(frame[[0, 1, 0, 1]], frame[[2, 3, 2, 3]])
            window[side] = box[side] + share * inward
            left, top, right, bottom = window.round().astype(int)
            inside = (box - np.array([left, top] * 2)).clip(0, [right - left, bottom - top] * 2)
            yield image[top:bottom, left:right], inside


def _bent(image: Image, box: Box) -> Iterator[tuple[Image, Box]]:
    """The face bent in each way, in a frame of twice its size; its box from its bent ellipse."""
    side = int(2 * max(box[2:] - box[:2]))
    centre = (box[:2] + box[2:]) / 2
    x, y = np.meshgrid(*[np.linspace(-1, 1, side, dtype=np.float32)] * 2)
    ellipse = np.zeros(image.shape[:2], np.uint8)
    axes = ((box[2:] - box[:2]) / 2).astype(int).tolist()
    cv2.ellipse(ellipse, centre.astype(int).tolist(), axes, 0, 0, 360, 255, -1)
    for warp in WARPS.values():
        across, down = (np.asarray(part, np.float32) * side / 2 for part in warp(x, y))
        maps = across + np.float32(centre[0]), down + np.float32(centre[1])
        picture = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows, columns = np.nonzero(cv2.remap(ellipse, *maps, cv2.INTER_NEAREST))
        place = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
        yield np.asarray(picture, np.uint8), place


def _scaled(x: Places, y: Places, by: Places) -> tuple[Places, Places]:
    return x * by, y * by


def _turned(x: Places, y: Places, angle: Places) -> tuple[Places, Places]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return x * cosine - y * sine, x * sine + y * cosine


def _iou(boxes: npt.NDArray[np.float32], place: Box) -> Box:
    low, high = np.maximum(boxes[:, :2], place[:2]), np.minimum(boxes[:, 2:], place[2:])
    common = (high - low).clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (place[2:] - place[:2]).prod()
    return np.asarray(common / (areas - common))


def _fills(found: Detections, shape: tuple[int, ...], threshold: float) -> bool:
    """Say whether a detection covers at least `LEAST_COVER` of the crop."""
    edges = np.array([shape[1], shape[0]] * 2)
    boxes = found[found[:, 4] >= threshold, :4].clip(0, edges)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return bool((areas > LEAST_COVER * shape[0] * shape[1]).any())
