"""JPEG XL, with imagecodecs; its size is read from the header first."""

from __future__ import annotations

import imagecodecs

from facepipe.domain.errors import UndecodableImageError
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import rgb_of_samples

_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZE_BITS = (9, 13, 18, 30)


def read_jxl(data: bytes, limits: DecodeLimits) -> Raster:
    """The first frame; libjxl turns it upright."""
    limits.check_whole(*jxl_size(data))
    try:
        samples = imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableImageError(f"the image data is broken: {error}") from error
    return Raster(rgb_of_samples(samples))


def jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height as stored.

    Raises:
        UndecodableImageError: the file ends before they are told.
    """
    bits = _Bits(_codestream(data)[2:32])
    is_small = bits.take(1)
    height = _side(bits, small=is_small)
    ratio = bits.take(3)
    if ratio == 0:
        return _side(bits, small=is_small), height
    over, under = _RATIOS[ratio]
    return height * over // under, height


def _side(bits: _Bits, *, small: int) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take(_SIZE_BITS[bits.take(2)]) + 1


def _codestream(data: bytes) -> bytes:
    """The first bytes of the codestream, which may lie in a box."""
    if data.startswith(b"\xff\x0a"):
        return data[:64]
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind in (b"jxlc", b"jxlp"):
            begin = at + head + (4 if kind == b"jxlp" else 0)
            return data[begin : begin + 64]
        if size < head:
            break
        at += size
    raise UndecodableImageError("the JPEG XL file has no image in it")


class _Bits:
    """Reads bits, the least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise UndecodableImageError("the JPEG XL header is cut short")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value
