"""The image formats that are accepted, and what is said of those that are not. Pure Python."""

from __future__ import annotations

import string
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One accepted format.

    Attributes:
        name: in results, `image.format`; Pillow's name where Pillow knows the format.
        label: what people call it.
        media_type: of a file of it.
        suffixes: of file names.
    """

    name: str
    label: str
    media_type: str
    suffixes: tuple[str, ...]


FORMATS = (
    ImageFormat("JPEG", "JPEG", "image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")),
    ImageFormat("PNG", "PNG", "image/png", (".png", ".apng")),
    ImageFormat("WEBP", "WebP", "image/webp", (".webp",)),
    ImageFormat("GIF", "GIF", "image/gif", (".gif",)),
    ImageFormat("BMP", "BMP", "image/bmp", (".bmp", ".dib")),
    ImageFormat("TIFF", "TIFF", "image/tiff", (".tif", ".tiff")),
    ImageFormat("HEIF", "HEIC", "image/heic", (".heic", ".heif", ".hif")),
    ImageFormat("AVIF", "AVIF", "image/avif", (".avif",)),
    ImageFormat("JXL", "JPEG XL", "image/jxl", (".jxl",)),
    ImageFormat("JPEG2000", "JPEG 2000", "image/jp2", (".jp2", ".j2k", ".jpx", ".j2c", ".jpf")),
    ImageFormat("ICO", "ICO", "image/x-icon", (".ico",)),
    ImageFormat("PPM", "PPM", "image/x-portable-anymap", (".ppm", ".pgm", ".pbm", ".pnm")),
    ImageFormat("TGA", "TGA", "image/x-tga", (".tga",)),
    ImageFormat("PSD", "PSD", "image/vnd.adobe.photoshop", (".psd",)),
    ImageFormat(
        "RAW",
        "camera RAW with an embedded preview",
        "image/x-dcraw",
        (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".pef", ".raf", ".rw2", ".srw"),
    ),
)
ACCEPTED_FORMATS = tuple(one.name for one in FORMATS)
SUFFIXES = frozenset(suffix for one in FORMATS for suffix in one.suffixes)
MEDIA_TYPES = {one.name: one.media_type for one in FORMATS}
LABELS = ", ".join(one.label for one in FORMATS)

# What editors, scripts and mail programs put before the first byte of a file.
_BLANK = b" \t\r\n\x0b\x0c"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_MOST_JUNK = 1024

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "PSD"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIU\0", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"II\x1a\0\0\0HEAPCCDR", "RAW"),
    (b"\0MRM", "RAW"),
    (b"FOVb", "RAW"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "RAW"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"
)
_FOREIGN = (
    (b"%PDF-", "a PDF: export its page as JPEG or PNG, and send that"),
    (b"%!PS", "PostScript: export it as JPEG or PNG, and send that"),
    (b"PK\3\4", "an archive: unpack it, and send the images in it"),
    (b"\x1aE\xdf\xa3", "a video: save a frame of it as JPEG, and send that"),
)


def without_leading_junk(data: bytes) -> bytes:
    """The file from its first byte on: line breaks, blanks and byte order marks left out."""
    start = 0
    while start < _MOST_JUNK:
        if data[start : start + 1] in _BLANK and start < len(data):
            start += 1
            continue
        mark = next((m for m in _BYTE_ORDER_MARKS if data.startswith(m, start)), None)
        if mark is None:
            break
        start += len(mark)
    return data[start:] if start and format_of(data[start:]) else data


def format_of(data: bytes) -> str | None:
    """The name of the accepted format that a file begins as; None where there is none."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _format_of_brands(data)
    if data[:1] == b"P" and data[1:2] in b"123456fF" and data[2:3] in _BLANK and len(data) > 3:
        return "PPM"
    return "TGA" if _is_tga(data) else None


def what_else(data: bytes) -> str:
    """What a file is that is not accepted, and what to do about it; empty where unknown."""
    head = data[:_MOST_JUNK].lstrip(_BLANK + b"\xef\xbb\xbf")
    for signature, advice in _FOREIGN:
        if signature in head[: len(signature) + _MOST_JUNK * (signature == b"%PDF-")]:
            return advice
    if head[:1] == b"<":
        if b"<svg" in data[: 4 * _MOST_JUNK].lower():
            return "an SVG drawing: export it as PNG, and send that"
        return "a web page or XML: send the image itself, not the page around it"
    return "a video: save a frame of it as JPEG, and send that" if data[4:8] == b"ftyp" else ""


def _format_of_brands(data: bytes) -> str | None:
    size = min(int.from_bytes(data[:4]), 256)
    major, others = data[8:12], [data[at : at + 4] for at in range(16, size, 4)]
    if major in (b"mif1", b"msf1") and {b"avif", b"avis"} & {*others}:
        return "AVIF"
    return next((_BRANDS[brand] for brand in (major, *others) if brand in _BRANDS), None)


def _is_tga(data: bytes) -> bool:
    """TGA has no signature at its start: its footer, or a header with nothing impossible in it."""
    if len(data) < 19:
        return False
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return True
    has_map, kind, depth, flags = data[1], data[2], data[16], data[17]
    width, height = int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
    is_text = all(chr(byte) in string.printable for byte in data[:18])
    return (
        not is_text
        and (has_map, kind) in {(1, 1), (1, 9), (0, 2), (0, 3), (0, 10), (0, 11)}
        and depth in (8, 15, 16, 24, 32)
        and flags & 0xC0 == 0
        and min(width, height) > 0
        and (kind > 3 or len(data) >= 18 + width * height * ((depth + 7) // 8))
    )
