"""The formats that Pillow and its plug-ins read."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
from PIL import Image, UnidentifiedImageError

from facepipe.domain.errors import FacepipeError, UndecodableImageError
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import reduction_of
from facepipe.files import jpeg_decodes
from facepipe.files.decoding.damage import (
    decode_padded,
    decode_prefilled,
    refuse_if_little,
    share_not_grey,
)
from facepipe.files.decoding.endings import has_end, missing_bytes, webp_to_pad
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import EXIF_ORIENTATION, rgb_of_image, size_of
from facepipe.files.imaging import RgbImage

# Pillow reads AVIF itself; HEIC needs the plug-in. Its own bomb check is replaced by ours.
Image.init()
pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None

# An animation may begin with blank frames; nobody waits for longer than this.
_MOST_BLANK_FRAMES = 32
MOST_PADDING = 50 * 2**20
"""The sizes that a broken header claims are no reason to fill memory, whatever the limits are."""
_OF_BOXES = ("HEIF", "AVIF")


def read_with_pillow(data: bytes, name: str, limits: DecodeLimits) -> Raster:
    """Reads a file that begins as the format of that name.

    Raises:
        ImageTooLargeError: its header says that it is.
        UndecodableImageError: too little of it can be decoded.
    """
    formats = ["JPEG", "MPO"] if name == "JPEG" else [name]
    missing = missing_bytes(data) if name in _OF_BOXES else 0
    if name == "WEBP":
        whole, missing = webp_to_pad(data)
        if missing or len(whole) != len(data):
            return _read_padded(whole, missing, formats, limits)
    if missing:
        return _read_padded(data, missing, formats, limits)
    stored: ImageSize | None = None
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            stored = ImageSize(*image.size)
            (limits.check_size if name == "JPEG" else limits.check_whole)(*stored)
            if name == "JPEG":
                reduction = reduction_of(stored)
                image.draft(None, (stored.width // reduction, stored.height // reduction))
                jpeg_decodes.note()
            orientation = orientation_of(image)
            rgb, frame = _first_frame_with_a_picture(image)
            # Pillow turns some formats itself while loading, and then forgets the tag.
            left = orientation_of(image)
    except (FacepipeError, MemoryError):
        raise
    except Exception as error:
        if stored is not None:
            limits.check_whole(*stored)
        return _read_damaged(data, formats, limits, error)
    share = None
    if not has_end(data, name):
        share = share_not_grey(rgb) if name == "JPEG" else 1.0
        refuse_if_little(share, limits.min_decoded_share)
    turned = 1 if left == orientation else orientation
    smaller = stored if name == "JPEG" and size_of(rgb) != stored else None
    return Raster(rgb, left, smaller, turned=turned, decoded_share=share, frame=frame)


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1-8.

    pillow-heif turns HEIC itself. Pillow gives the turn of an AVIF (its boxes `irot` and `imir`)
    as an orientation, and no other: EXIF does not count where the format has a turn of its own.
    """
    if image.format == "HEIF":
        return 1
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF is no reason to refuse the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _first_frame_with_a_picture(image: Image.Image) -> tuple[RgbImage, int]:
    """Of an animation the first frame that is not of one colour; of HEIC the primary image."""
    image.load()
    first = rgb_of_image(image)
    if image.format not in ("GIF", "WEBP", "PNG", "AVIF") or not _is_blank(first):
        return first, 0
    for frame in range(1, min(getattr(image, "n_frames", 1), _MOST_BLANK_FRAMES)):
        try:
            image.seek(frame)
            rgb = rgb_of_image(image)
        except (EOFError, OSError):
            break
        if not _is_blank(rgb):
            return rgb, frame
    return first, 0


def _is_blank(rgb: RgbImage) -> bool:
    return bool((rgb == rgb[0, 0]).all())


def _read_padded(data: bytes, missing: int, formats: list[str], limits: DecodeLimits) -> Raster:
    turn = 1

    def decode(padded: bytes) -> RgbImage:
        nonlocal turn
        with Image.open(io.BytesIO(padded), formats=formats) as image:
            limits.check_whole(*image.size)
            turn = orientation_of(image)
            image.load()
            return np.array(rgb_of_image(image))

    rgb, share = decode_padded(data, min(missing, MOST_PADDING), decode)
    refuse_if_little(share, limits.min_decoded_share)
    return Raster(rgb, turn, decoded_share=share)


def _read_damaged(
    data: bytes, formats: list[str], limits: DecodeLimits, cause: Exception
) -> Raster:
    if formats == ["ICO"]:  # the image in it is loaded before it can be prefilled
        raise UndecodableImageError(_broken(cause)) from cause
    turn = 1

    def to_rgb(image: Image.Image) -> RgbImage:
        nonlocal turn
        turn = orientation_of(image)
        return np.array(rgb_of_image(image))

    try:
        rgb, share = decode_prefilled(data, formats, to_rgb)
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableImageError(_broken(cause)) from error
    refuse_if_little(share, limits.min_decoded_share)
    return Raster(rgb, turn, decoded_share=share)


def _broken(cause: Exception) -> str:
    # Pillow names the object in memory that it was given, which tells a person nothing.
    is_header = isinstance(cause, UnidentifiedImageError)
    return f"the image data is broken: {'its header cannot be read' if is_header else cause}"
