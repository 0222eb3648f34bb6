"""A PNG of very many pixels, read some rows at a time.

No library here gives a PNG in parts. But a row depends on the one before alone: some rows as they
lie in the file, with that one before them, are a PNG of their own, which is decoded whole.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from facepipe.domain.geometry import ImageSize
from facepipe.files.decoding.damage import refuse_if_little
from facepipe.files.decoding.endings import has_end
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import EXIF_ORIENTATION, rgb_of_samples
from facepipe.files.decoding.shrinking import Shrinking

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_BAND_BYTES = 4 * 2**20

_log = logging.getLogger(__name__)

Samples = npt.NDArray[Any]


@dataclass(slots=True)
class Png:
    """What stands in the chunks of a PNG; `data` are the parts of its compressed rows."""

    size: ImageSize
    bits: int
    colours: int
    is_interlaced: bool
    palette: npt.NDArray[np.uint8] | None = None
    has_key: bool = False
    orientation: int = 1
    data: list[memoryview] = field(default_factory=list)

    @property
    def has_rows(self) -> bool:
        """Whether it can be read row by row: not interlaced, no colour that means transparent."""
        has_colours = self.colours != _PALETTE or self.palette is not None
        return not self.is_interlaced and not self.has_key and has_colours

    @property
    def row_bytes(self) -> int:
        return (self.size.width * self.bits * _CHANNELS[self.colours] + 7) // 8


def png_of(data: bytes) -> Png | None:
    """Its chunks, without the pixels; None where the header is broken."""
    chunks = _chunks(data)
    kind, header = next(chunks, (b"", memoryview(b"")))
    if kind != b"IHDR" or len(header) != 13 or header[9] not in _CHANNELS:
        return None
    size = ImageSize(int.from_bytes(header[:4]), int.from_bytes(header[4:8]))
    png = Png(size, header[8], header[9], bool(header[12]))
    for kind, body in chunks:
        if kind == b"IDAT":
            png.data.append(body)
        elif kind == b"PLTE":
            colours = np.frombuffer(body[: len(body) // 3 * 3], np.uint8).reshape(-1, 3)
            png.palette = np.full((256, 4), 255, np.uint8)
            png.palette[: len(colours[:256]), :3] = colours[:256]
        elif kind == b"tRNS" and png.palette is not None:
            png.palette[: len(body[:256]), 3] = body[:256]
        elif kind == b"tRNS":
            png.has_key = True
        elif kind == b"eXIf":
            png.orientation = _orientation(bytes(body))
    return png


def read_png_in_bands(data: bytes, png: Png, limits: DecodeLimits) -> Raster:
    """The pixels at the scale at which they are looked at.

    Raises:
        ImageTooLargeError: its header says that it is.
        UndecodableImageError: too little of it can be decoded.
    """
    limits.check_size(*png.size)
    shrinking = Shrinking(png.size)
    before = bytes(png.row_bytes)
    try:
        for rows in _bands(png):
            samples = _unfiltered(png, before, rows)
            before = samples[-1].astype(">u2" if png.bits == 16 else "u1").tobytes()
            shrinking.add_rows(rgb_of_samples(_coloured(png, samples)))
    except MemoryError:
        raise
    except Exception:  # what has come before is kept
        _log.debug("a PNG breaks off", exc_info=True)
    share = None if shrinking.share == 1 and has_end(data, "PNG") else shrinking.share
    if share is not None:
        refuse_if_little(share, limits.min_decoded_share)
    return Raster(shrinking.rgb, png.orientation, png.size, decoded_share=share)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), len(_SIGNATURE)
    while at + 8 <= len(data):
        size = int.from_bytes(view[at : at + 4])
        yield bytes(view[at + 4 : at + 8]), view[at + 8 : at + 8 + size]
        at += 12 + size


def _bands(png: Png) -> Iterator[bytes]:
    """Whole rows as they are stored, each behind the byte of its filter."""
    line = 1 + png.row_bytes
    most = max(1, _BAND_BYTES // line) * line
    left = png.size.height * line
    unpacking, ready = zlib.decompressobj(), bytearray()
    for part in png.data:
        packed: bytes | memoryview = part
        while len(packed) and left > 0:
            ready += unpacking.decompress(packed, max(1, most - len(ready)))
            packed = unpacking.unconsumed_tail
            if len(ready) >= min(most, left):
                yield bytes(ready[: min(most, left)])
                left -= min(most, left)
                ready.clear()
            if unpacking.eof:
                break
    if rows := min(len(ready), left) // line:
        yield bytes(ready[: rows * line])


def _unfiltered(png: Png, before: bytes, rows: bytes) -> Samples:
    """The bytes of the rows as samples, `(rows, bytes or pixels[, channels])`."""
    height = len(rows) // (1 + png.row_bytes) + 1
    colours = png.colours if png.bits >= 8 and png.colours != _PALETTE else _GREY
    width = png.size.width if png.bits >= 8 else png.row_bytes
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([max(8, png.bits), colours, 0, 0, 0])
    packed = zlib.compress(b"\0" + before + rows, 0)
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    file = b"".join([_SIGNATURE, *(_chunk(kind, body) for kind, body in parts)])
    samples: Samples = imagecodecs.png_decode(file)
    return samples[1:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(body, zlib.crc32(kind)).to_bytes(4)


def _coloured(png: Png, samples: Samples) -> Samples:
    """Of each pixel its colours."""
    if png.bits < 8:
        bits = np.unpackbits(samples, axis=1).reshape(len(samples), -1, png.bits)
        weights = 1 << np.arange(png.bits, dtype=np.uint8)[::-1]
        samples = (bits * weights).sum(2, dtype=np.uint8)[:, : png.size.width]
        if png.colours == _GREY:
            return samples * np.uint8(255 // (2**png.bits - 1))
    if png.bits == 16 and png.colours != _GREY:
        return (samples >> 8).astype(np.uint8)  # as Pillow has it
    if png.colours == _PALETTE and png.palette is not None:
        return png.palette[samples]
    return samples


def _orientation(exif: bytes) -> int:
    known = Image.Exif()
    try:
        known.load(exif)
        value = known.get(EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF is no reason to refuse the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
