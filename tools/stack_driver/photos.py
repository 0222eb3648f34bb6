"""Photographs, made from the portraits of the test data."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

from tools.paths import ROOT

ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")

# What undoes each EXIF orientation, and therefore what to store for an upright view: the
# transposition that turns an upright image into the one that a camera would have written.
_AS_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def data_folder() -> Path:
    """The folder of test data, FACEPIPE_TEST_DATA; it may be missing."""
    return Path(os.environ.get("FACEPIPE_TEST_DATA", ROOT.parent / "shared"))


def portrait_paths() -> list[Path]:
    return sorted((data_folder() / "photos" / "london").glob("*.jpg"))


def resized(path: Path, side: int, quality: int = 85) -> bytes:
    """A portrait as a square JPEG; each side or quality gives another image id."""
    with Image.open(path) as image:
        return _jpeg(image.resize((side, side)), quality)


def batch_of(paths: Sequence[Path], count: int, quality: int = 85) -> list[bytes]:
    """`count` different images with a face each; another quality gives others."""
    return [resized(paths[n % len(paths)], 600 + n, quality) for n in range(count)]


def collage(paths: Sequence[Path], columns: int = 3, side: int = 450) -> bytes:
    """Portraits side by side, row by row."""
    rows = -(-len(paths) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side))
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            tile = ImageOps.fit(image, (side, side))
        sheet.paste(tile, (number % columns * side, number // columns * side))
    return _jpeg(sheet, 90)


def with_orientation(path: Path, orientation: int, side: int = 900) -> bytes:
    """A portrait as a camera held that way stores it; shown upright, all eight look the same.

    PNG, so that no pixel differs between them.
    """
    transposition = _AS_STORED[orientation]
    with Image.open(path) as image:
        upright = image.convert("RGB").resize((side, side))
    stored = upright if transposition is None else upright.transpose(transposition)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def in_format(path: Path, name: str, side: int = 700) -> bytes:
    """A portrait in one of `FORMATS`."""
    register_heif_opener()
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize((side, side)).save(buffer, name)
    return buffer.getvalue()


def without_face(side: int = 640) -> bytes:
    """A smooth gradient."""
    gradient = Image.linear_gradient("L").resize((side, side))
    return _jpeg(Image.merge("RGB", (gradient, gradient.rotate(90), gradient)), 90)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
