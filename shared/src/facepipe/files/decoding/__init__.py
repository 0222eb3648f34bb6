"""The one decoder: bytes -> upright RGB of 8 bit, limits first.

Needs the extra `imaging`. Every stage that looks at pixels gets them from here, so that all of
them see the same image.
"""

from __future__ import annotations

import warnings

import numpy as np

from facepipe.domain.errors import ImageTooLargeError, UnsupportedImageError
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import reduction_of
from facepipe.files import formats
from facepipe.files.decoding.image import ACCEPTED_BEFORE, DecodedImage, DecodeLimits, Raster
from facepipe.files.decoding.jpeg import read_jpeg
from facepipe.files.decoding.jxl import read_jxl
from facepipe.files.decoding.pixels import reduced, size_of, turned_upright
from facepipe.files.decoding.png_bands import png_of, read_png_in_bands
from facepipe.files.decoding.raw import read_raw
from facepipe.files.decoding.tiff import is_raw, pages_of, read_tiff
from facepipe.files.decoding.with_pillow import read_with_pillow

# EXIF orientations from here on lay the image on its side.
_SIDES_SWAPPED = 5

__all__ = ["ACCEPTED_BEFORE", "DecodeLimits", "DecodedImage", "decode"]


def decode(data: bytes, limits: DecodeLimits | None = None) -> DecodedImage:
    """Decodes an upload; of an animation or a multi-page file the first frame with a picture.

    Sizes are checked from the header before any pixel is decoded. Transparent pixels are laid
    over white, deeper samples are scaled to 8 bit, CMYK and palettes become RGB. What is cut
    short or broken is decoded as far as it goes.

    Raises:
        ImageTooLargeError: more bytes or pixels than `limits` allow.
        UnsupportedImageError: not an image, or of a format that is not accepted.
        RawNotSupportedError: a camera's RAW file without a preview of full size.
        UndecodableImageError: an accepted format with broken contents.
    """
    limits = limits or DecodeLimits()
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(f"the file has {len(data)} bytes, the limit is {limits.max_bytes}")
    if not data:
        raise UnsupportedImageError("the file is empty: it has 0 bytes")
    data = formats.without_leading_junk(data)
    name = formats.format_of(data)
    if name is None:
        what = formats.what_else(data)
        raise UnsupportedImageError(
            f"not an image of an accepted format ({formats.LABELS})" + (f"; {what}" if what else "")
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken metadata that we do not use
        name, raster = _read(data, name, limits)
        whole = raster.whole or size_of(raster.rgb)
        rgb = raster.rgb if raster.whole else reduced(raster.rgb, reduction_of(whole))
        upright = turned_upright(rgb, raster.orientation)
    return DecodedImage(
        rgb=np.ascontiguousarray(upright),
        size=ImageSize(*reversed(whole)) if raster.orientation >= _SIDES_SWAPPED else whole,
        format=name,
        orientation=max(raster.orientation, raster.turned),
        damaged=raster.decoded_share is not None,
        decoded_share=1.0 if raster.decoded_share is None else raster.decoded_share,
        frame=raster.frame,
        is_preview=raster.is_preview,
    )


def _read(data: bytes, name: str, limits: DecodeLimits) -> tuple[str, Raster]:
    match name:
        case "JPEG":
            return name, read_jpeg(data, limits)
        case "PNG":
            png = png_of(data)
            if png is not None and png.has_rows and reduction_of(png.size) > 1:
                return name, read_png_in_bands(data, png, limits)
            return name, read_with_pillow(data, name, limits)
        case "JXL":
            return name, read_jxl(data, limits)
        case "TIFF":
            pages = pages_of(data)
            if is_raw(data, pages):
                return "RAW", read_raw(data, pages, limits)
            return name, read_tiff(data, limits)
        case "RAW":
            return name, read_raw(data, [], limits)
        case _:
            return name, read_with_pillow(data, name, limits)
