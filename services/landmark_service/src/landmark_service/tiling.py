"""Tiled detection in large images: which tiles, and what of it counts. Pure.

The first pass shrinks a photograph to the detector's input. Each further level doubles the scale
and covers the image with tiles of that input's size, which overlap. Whether a level is searched,
and which of its tiles, is decided by what the level before it found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from facepipe.domain.geometry import ImageSize
from landmark_service.faces import Detection

SUSPICION = 0.1
"""Confidence from which a small face is reason to search its tile."""
SMALL_PX = 32
"""Pixels of the input under which a face is small; what is larger gains nothing."""
SOUGHT_PX, LEAST_VISIBLE_PX = 24, 7
"""The smallest face sought by `auto`, pixels of the image, and what a detector can suspect, of the
input: where the one is shown smaller than the other, a pass that found nothing proves nothing."""
ENOUGH_SCALE, FULL_SCALE = 0.4, 1.0
"""Scale at which `auto` and `thorough` stop."""
MAX_TILES, MAX_TILES_THOROUGH = 40, 200
OVERLAP = 0.15
"""Of a tile's side. A face that a tile's edge cuts is whole in the next tile, or larger than this
and found by the level before."""
CUT = 0.01
"""A face as near as this to a tile's edge, of the tile's side, is cut by it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the image, pixels."""

    x: int
    y: int
    width: int
    height: int

    def holds(self, detection: Detection) -> bool:
        """Whether the middle of a face lies inside."""
        x, y = (detection.x1 + detection.x2) / 2, (detection.y1 + detection.y2) / 2
        return 0 <= x - self.x < self.width and 0 <= y - self.y < self.height

    def cuts(self, detection: Detection, image: ImageSize) -> bool:
        """Whether an edge of the tile that is no edge of the image cuts a face."""
        margin = CUT * max(self.width, self.height)
        right, bottom = self.x + self.width, self.y + self.height
        return (
            (self.x > 0 and detection.x1 < self.x + margin)
            or (self.y > 0 and detection.y1 < self.y + margin)
            or (right < image.width and detection.x2 > right - margin)
            or (bottom < image.height and detection.y2 > bottom - margin)
        )


DetectTile = Callable[[Tile], Sequence[Detection]]
"""What a detector finds in a tile, in pixels of the image."""


def detect_in_tiles(
    detect: DetectTile,
    image: ImageSize,
    seen: Sequence[Detection],
    *,
    long_side: int,
    sure: float,
    thorough: bool = False,
) -> list[Detection]:
    """What is found in tiles, seams taken care of; a face may come once from each level.

    Args:
        detect: the detector, for one tile.
        image: size of the image.
        seen: what the pass over the whole image found, from `SUSPICION` on.
        long_side: of the detector's input.
        sure: confidence of a face that counts.
        thorough: search every tile of every level instead of where faces are suspected.
    """
    enough, most = (FULL_SCALE, MAX_TILES_THOROUGH) if thorough else (ENOUGH_SCALE, MAX_TILES)
    scale, searched = long_side / max(image), 0
    found: list[Detection] = []
    while scale < enough:
        everywhere = thorough or _is_blind(seen, scale, sure)
        small = [one for one in seen if _size(one) * scale < SMALL_PX]
        scale = min(2 * scale, FULL_SCALE)
        chosen = [
            tile
            for tile in tiles(image, math.ceil(long_side / scale))
            if everywhere or any(tile.holds(one) for one in small)
        ]
        searched += len(chosen)
        if not chosen or searched > most:
            break
        seen = [one for tile in chosen for one in detect(tile) if not tile.cuts(one, image)]
        found += seen
    return found


def tiles(image: ImageSize, side: int) -> list[Tile]:
    """The tiles of a level: squares of `side` pixels, less where the image is narrower.

    >>> [(tile.x, tile.width) for tile in tiles(ImageSize(1000, 300), 600)]
    [(0, 600), (400, 600)]
    """
    width, height = min(side, image.width), min(side, image.height)
    return [
        Tile(x, y, width, height)
        for y in _starts(image.height, height)
        for x in _starts(image.width, width)
    ]


def moved(detection: Detection, tile: Tile) -> Detection:
    """A detection in pixels of the tile, as one in pixels of the image."""
    return replace(
        detection,
        x1=detection.x1 + tile.x,
        y1=detection.y1 + tile.y,
        x2=detection.x2 + tile.x,
        y2=detection.y2 + tile.y,
    )


def _starts(length: int, side: int) -> list[int]:
    count = 1 + math.ceil((length - side) / max(1, (1 - OVERLAP) * side))
    return [round(at * (length - side) / max(1, count - 1)) for at in range(count)]


def _is_blind(seen: Sequence[Detection], scale: float, sure: float) -> bool:
    """Whether a scale is too coarse for the faces sought, and no face seen says it is not."""
    if SOUGHT_PX * scale >= LEAST_VISIBLE_PX:
        return False
    faces = [_size(one) * scale for one in seen if one.confidence >= sure]
    return not faces or min(faces) < SMALL_PX


def _size(detection: Detection) -> float:
    return max(detection.x2 - detection.x1, detection.y2 - detection.y1)
