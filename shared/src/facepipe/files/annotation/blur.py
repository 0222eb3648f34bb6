"""Makes faces unrecognisable: pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from facepipe.domain.analysis import Face
from facepipe.files.imaging import RgbImage

# A face is told by about twelve points across; these are too few by half.
TILES = 6
# Ears, hair and chin help to recognise somebody; the box ends before them.
MARGIN = 0.15


def blur_faces(image_rgb: RgbImage, faces: Sequence[Face]) -> RgbImage:
    """A copy of the image in which each face, and a margin around it, is a few tiles.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8, RGB, upright; or `(height, width, 4)`, padded.
        faces: in pixels of that image.

    Returns:
        of the same shape; along the longer side of a face there are `TILES` tiles of one
        colour each, the mean of what was there.
    """
    blurred = np.array(image_rgb)
    height, width = blurred.shape[:2]
    for face in faces:
        box = face.box
        slack = round(MARGIN * max(box.x2 - box.x1, box.y2 - box.y1))
        x1, y1 = max(0, box.x1 - slack), max(0, box.y1 - slack)
        x2, y2 = min(width, box.x2 + slack), min(height, box.y2 + slack)
        if x1 < x2 and y1 < y2:
            blurred[y1:y2, x1:x2, :3] = _tiled(blurred[y1:y2, x1:x2, :3])
    return blurred


def _tiled(region_rgb: RgbImage) -> RgbImage:
    height, width = region_rgb.shape[:2]
    scale = TILES / max(height, width)
    tiles = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(region_rgb).resize(tiles, Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))
