"""Whether a file is there to its end, by what its format says of that. No pixel is decoded."""

from __future__ import annotations

_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = b"\xff\xda"
_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE = 0x3B, 0x21, 0x2C
_WEBP_FEATURES = 20
_MOST_METADATA = 2**20
_BITSTREAMS = (b"VP8 ", b"VP8L")


def has_end(data: bytes, name: str) -> bool:
    """False where a PNG, JPEG or GIF stops before its end; True of every other format."""
    match name:
        case "PNG":
            return _PNG_END in data
        case "JPEG":
            return data.rfind(_JPEG_END) > data.find(_JPEG_SCAN)
        case "GIF":
            return _gif_has_trailer(data)
        case _:
            return True


def missing_bytes(data: bytes) -> int:
    """How many bytes a file of boxes says it has and does not have."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8:  # to the end of the file, or nonsense
            break
        at += size
    return max(0, at - len(data))


def webp_to_pad(data: bytes) -> tuple[bytes, int]:
    """A WebP without what would follow its image, and how many bytes of that image are missing.

    None are missing of a file that is whole, or has its image to the end: what is cut short of
    its EXIF is filled up, so that the part that is there can be read.
    """
    size_told = int.from_bytes(data[4:8], "little") + 8
    if size_told <= len(data):
        return data, 0
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if kind in _BITSTREAMS and end + 8 <= len(data) and size_told - end < _MOST_METADATA:
            return data.ljust(size_told, b"\0"), 0
        if kind in _BITSTREAMS:
            whole = bytearray(data[:end])
            whole[4:8] = (end - 8).to_bytes(4, "little")
            if whole[12:16] == b"VP8X":  # no profile, no EXIF, no XMP: they are gone
                whole[_WEBP_FEATURES] &= 0x12
            return bytes(whole), max(0, end - len(data))
        at = end
    return data, 0


def _gif_has_trailer(data: bytes) -> bool:
    at = 13 + _table(data[10])
    while at < len(data):
        kind = data[at]
        if kind == _GIF_TRAILER:
            return True
        if kind == _GIF_EXTENSION:
            at += 2
        elif kind == _GIF_IMAGE and at + 9 < len(data):
            at += 11 + _table(data[at + 9])
        else:
            return False
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return False


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
