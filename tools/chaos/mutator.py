"""Damaged files of every accepted format. A seed and a number give the same file each time."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pillow_heif
from PIL import Image

from tools.stack.demo import astronaut

pillow_heif.register_heif_opener()

_SIDE = 192
_HEAD = 512
_MAGIC = 16
_MOST_CHANGES = 4
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_SIZES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# What each format is saved as; the ways in which a decoder takes another path.
_VARIANTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("JPEG", "RGB", {"quality": 85}),
    "jpeg-progressive": ("JPEG", "RGB", {"progressive": True, "subsampling": 2}),
    "jpeg-grey": ("JPEG", "L", {}),
    "jpeg-cmyk": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGB", {}),
    "png-palette": ("PNG", "P", {}),
    "png-alpha": ("PNG", "RGBA", {}),
    "webp": ("WEBP", "RGB", {"quality": 80}),
    "webp-lossless": ("WEBP", "RGBA", {"lossless": True}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff-lzw": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "tiff-jpeg": ("TIFF", "RGB", {"compression": "jpeg"}),
    "heic": ("HEIF", "RGB", {"quality": 60}),
    "avif": ("AVIF", "RGB", {"quality": 60, "speed": 9}),
}
FORMATS = frozenset(image_format for image_format, _, _ in _VARIANTS.values())


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """What is sent, and how it came about."""

    number: int
    name: str
    data: bytes


def damaged_file(seed: int, number: int) -> DamagedFile:
    """The file of this number; each variant has its turn, one file in ten is left whole."""
    chance = random.Random(f"{seed}-{number}")
    kind = list(_VARIANTS)[number % len(_VARIANTS)]
    data = bytearray(_whole(kind))
    changes = chance.choices(_CHANGES, k=chance.randint(1, _MOST_CHANGES))
    if chance.random() < 0.1:
        changes = []
        # Behind the end of the image, where it changes the id alone.
        data += chance.randbytes(8)
    for change in changes:
        change(chance, data)
    names = "+".join(change.__name__.strip("_") for change in changes) or "whole"
    return DamagedFile(number, f"{kind}-{names}", bytes(data))


@cache
def _whole(kind: str) -> bytes:
    image_format, mode, options = _VARIANTS[kind]
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph = Image.open(astronaut()).convert("RGB").resize((_SIDE, _SIDE)).convert(mode)
    if image_format in ("JPEG", "PNG", "WEBP", "TIFF"):
        options = options | {"exif": exif.tobytes()}
    buffer = io.BytesIO()
    photograph.save(buffer, image_format, **options)
    return buffer.getvalue()


def _place(chance: random.Random, data: bytearray) -> int:
    """Often in the head, where sizes and tables stand; seldom in what tells the format."""
    end = min(_HEAD, len(data)) if chance.random() < 0.4 else len(data)
    begin = 0 if chance.random() < 0.1 else min(_MAGIC, end - 1)
    return chance.randrange(begin, end)


def _flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice((1, 8, 64))):
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def _extremes(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice((1, 4, 16))):
        data[_place(chance, data)] = chance.choice(_EXTREMES)


def _size(chance: random.Random, data: bytearray) -> None:
    """A number of two or four bytes, as sizes and offsets are."""
    form = chance.choice(("<H", ">H", "<I", ">I"))
    value = struct.pack(form, chance.choice(_SIZES) & (256 ** struct.calcsize(form) - 1))
    place = _place(chance, data)
    data[place : place + len(value)] = value


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[max(16, _place(chance, data)) :]


def _leave_out(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    del data[place : place + chance.choice((1, 16, 256))]
    data += bytes(16 - min(16, len(data)))


def _repeat(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    piece = data[place : place + chance.choice((1, 64, 4096))]
    data[place:place] = piece * chance.choice((1, 2, 16))


def _noise(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    data[place:place] = chance.randbytes(chance.choice((1, 32, 1024)))


def _splice(chance: random.Random, data: bytearray) -> None:
    """The tail of a file of another kind."""
    other = _whole(chance.choice(list(_VARIANTS)))
    data[_place(chance, data) :] = other[chance.randrange(len(other)) :]
    data += bytes(16 - min(16, len(data)))


_CHANGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _flip, _extremes, _size, _size, _cut, _leave_out, _repeat, _noise, _splice,
)  # fmt: skip
