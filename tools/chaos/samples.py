"""A photograph in every accepted format, in the ways in which a decoder takes another path."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image

from tools.stack.demo import astronaut

pillow_heif.register_heif_opener()
_SIDE = 192
_CFA = 32803

_Tag = tuple[int | str, int | str, int | None, Any, bool]


@cache
def whole_file(kind: str) -> bytes:
    """The photograph as one of KINDS, turned by 90 degrees where the format can say so."""
    _, save = _KINDS[kind]
    photograph = Image.open(astronaut()).convert("RGB").resize((_SIDE, _SIDE))
    return save(photograph)


def _pillow(image_format: str, mode: str, photograph: Image.Image, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    if image_format in ("JPEG", "PNG", "WEBP", "TIFF"):
        options["exif"] = exif.tobytes()
    buffer = io.BytesIO()
    photograph.convert(mode).save(buffer, image_format, **options)
    return buffer.getvalue()


def _jxl(photograph: Image.Image) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(np.asarray(photograph), level=85))


def _jpeg_12_bit(photograph: Image.Image) -> bytes:
    samples = np.asarray(photograph).astype(np.uint16) << 4
    return bytes(imagecodecs.jpeg_encode(samples, level=85, bitspersample=12))


def _jpeg_lossless(photograph: Image.Image) -> bytes:
    return bytes(imagecodecs.jpeg_encode(np.asarray(photograph), lossless=True))


def _tiff(samples: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric="rgb", **options)
    return buffer.getvalue()


def _tiff_of(compression: str, photograph: Image.Image) -> bytes:
    return _tiff(np.asarray(photograph), compression=compression)


def _tiff_16_bit_planar(photograph: Image.Image) -> bytes:
    planes = np.moveaxis(np.asarray(photograph).astype(np.uint16) * 257, 2, 0)
    return _tiff(planes, planarconfig="separate", compression="zlib", predictor=True)


def _tiff_float(photograph: Image.Image) -> bytes:
    return _tiff(np.asarray(photograph).astype(np.float32) / 255, compression="zlib")


def _psd(photograph: Image.Image) -> bytes:
    """Without layers: what is left is the merged picture."""
    width, height = photograph.size
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
    planes = np.moveaxis(np.asarray(photograph), 2, 0).tobytes()
    return head + bytes(12) + struct.pack(">H", 0) + planes


def _raw(photograph: Image.Image) -> bytes:
    """The samples of a sensor, and before them a thumbnail and a JPEG of full size."""
    pixels = np.asarray(photograph)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        thumbnail = np.asarray(photograph.resize((48, 48)))
        version: list[_Tag] = [(50706, 1, 4, b"\1\4\0\0", True)]
        file.write(thumbnail, photometric="rgb", subifds=1, extratags=version)
        sensor = pixels[..., 1].astype(np.uint16) << 6
        pattern: list[_Tag] = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]
        file.write(sensor, photometric=_CFA, extratags=pattern)
    return buffer.getvalue() + _pillow("JPEG", "RGB", photograph)


# The format of each kind, and how it is made.
_KINDS: dict[str, tuple[str, Callable[[Image.Image], bytes]]] = {
    "jpeg": ("JPEG", lambda one: _pillow("JPEG", "RGB", one, quality=85)),
    "jpeg-progressive": (
        "JPEG", lambda one: _pillow("JPEG", "RGB", one, progressive=True, subsampling=2)
    ),
    "jpeg-grey": ("JPEG", partial(_pillow, "JPEG", "L")),
    "jpeg-cmyk": ("JPEG", partial(_pillow, "JPEG", "CMYK")),
    "jpeg-12-bit": ("JPEG", _jpeg_12_bit),
    "jpeg-lossless": ("JPEG", _jpeg_lossless),
    "png": ("PNG", partial(_pillow, "PNG", "RGB")),
    "png-palette": ("PNG", partial(_pillow, "PNG", "P")),
    "png-alpha": ("PNG", partial(_pillow, "PNG", "RGBA")),
    "webp": ("WEBP", partial(_pillow, "WEBP", "RGB")),
    "webp-lossless": ("WEBP", lambda one: _pillow("WEBP", "RGBA", one, lossless=True)),
    "gif": ("GIF", partial(_pillow, "GIF", "P")),
    "bmp": ("BMP", partial(_pillow, "BMP", "RGB")),
    "tiff": ("TIFF", partial(_pillow, "TIFF", "RGB")),
    "tiff-lzw": ("TIFF", lambda one: _pillow("TIFF", "RGB", one, compression="tiff_lzw")),
    "tiff-jpeg": ("TIFF", lambda one: _pillow("TIFF", "RGB", one, compression="jpeg")),
    "tiff-webp": ("TIFF", partial(_tiff_of, "webp")),
    "tiff-jxl": ("TIFF", partial(_tiff_of, "jpegxl")),
    "tiff-16-bit-planar": ("TIFF", _tiff_16_bit_planar),
    "tiff-float": ("TIFF", _tiff_float),
    "heic": ("HEIF", lambda one: _pillow("HEIF", "RGB", one, quality=60)),
    "avif": ("AVIF", lambda one: _pillow("AVIF", "RGB", one, quality=60, speed=9)),
    "jxl": ("JXL", _jxl),
    "jpeg2000": ("JPEG2000", partial(_pillow, "JPEG2000", "RGB")),
    "ico": ("ICO", lambda one: _pillow("ICO", "RGB", one, sizes=[(_SIDE, _SIDE)])),
    "ppm": ("PPM", partial(_pillow, "PPM", "RGB")),
    "tga": ("TGA", lambda one: _pillow("TGA", "RGB", one, compression="tga_rle")),
    "psd": ("PSD", _psd),
    "raw": ("RAW", _raw),
}  # fmt: skip
KINDS = tuple(_KINDS)
FORMATS = frozenset(image_format for image_format, _ in _KINDS.values())
