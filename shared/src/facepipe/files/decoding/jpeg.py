"""JPEG: of 8 bit with simplejpeg, of 12 bit and lossless with imagecodecs, the rest with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import simplejpeg
from PIL import Image

from facepipe.domain.errors import UndecodableImageError
from facepipe.files.decoding.damage import refuse_if_little, share_not_grey
from facepipe.files.decoding.endings import has_end
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import EXIF_ORIENTATION, rgb_of_samples
from facepipe.files.decoding.with_pillow import read_with_pillow
from facepipe.files.imaging import RgbImage

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
LOSSLESS = 0xC3
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# Warnings of libjpeg that cost no pixel.
_HARMLESS = ("extraneous bytes", "Adobe", "Invalid SOS", "JFIF")


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What stands in the frame header of a JPEG."""

    marker: int
    bits: int
    width: int
    height: int
    channels: int


def read_jpeg(data: bytes, limits: DecodeLimits) -> Raster:
    """Raises ImageTooLargeError, or UndecodableImageError where too little can be decoded."""
    frame = frame_of(data)
    if frame is None:
        raise UndecodableImageError("the JPEG has no frame header")
    if frame.height:  # 0: it follows after the first scan, which Pillow copes with
        limits.check_size(frame.width, frame.height)
    if frame.bits != 8 or frame.marker == LOSSLESS:
        return _read_deep(data, frame, limits)
    if frame.channels in (1, 3):
        try:
            return Raster(_decoded(data), _orientation(data))
        except ValueError as error:
            if not any(word in str(error) for word in _HARMLESS) and frame.height:
                return _read_damaged(data, limits, error)
    return read_with_pillow(data, "JPEG", limits)


def frame_of(data: bytes) -> JpegFrame | None:
    """The frame header of a JPEG; None where there is none."""
    for marker, at, size in _segments(data):
        if marker in _FRAMES and size >= 8:
            height = int.from_bytes(data[at + 1 : at + 3])
            width = int.from_bytes(data[at + 3 : at + 5])
            return JpegFrame(marker, data[at], width, height, data[at + 5])
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, place and size of what is in each segment before the first scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                return
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE or marker == 0:
            at += 2
        elif marker in (0xD9, 0xDA):
            return
        else:
            size = int.from_bytes(data[at + 2 : at + 4])
            if at + 2 + size > len(data):
                return
            yield marker, at + 4, size
            at += 2 + max(2, size)


def _decoded(data: bytes, *, strict: bool = True) -> RgbImage:
    rgb: RgbImage = simplejpeg.decode_jpeg(
        data, "RGB", fastdct=False, fastupsample=False, strict=strict
    )
    return rgb


def _read_damaged(data: bytes, limits: DecodeLimits, cause: ValueError) -> Raster:
    try:
        rgb = _decoded(data, strict=False)
    except ValueError as error:
        raise UndecodableImageError(f"the image data is broken: {cause}") from error
    share = share_not_grey(rgb)
    refuse_if_little(share, limits.min_decoded_share)
    return Raster(rgb, _orientation(data), decoded_share=share)


def _read_deep(data: bytes, frame: JpegFrame, limits: DecodeLimits) -> Raster:
    try:
        samples = imagecodecs.jpeg_decode(data)
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableImageError(
            f"the JPEG of {frame.bits} bit cannot be decoded: {error}"
        ) from error
    rgb, share = rgb_of_samples(samples, frame.bits), None
    if not has_end(data, "JPEG"):
        share = share_not_grey(rgb)
        refuse_if_little(share, limits.min_decoded_share)
    return Raster(rgb, _orientation(data), decoded_share=share)


def _orientation(data: bytes) -> int:
    for marker, at, size in _segments(data):
        if marker == 0xE1 and data[at : at + 6] == b"Exif\0\0":
            exif = Image.Exif()
            try:
                exif.load(data[at : at + size - 2])
                value = exif.get(EXIF_ORIENTATION, 1)
            except Exception:  # broken EXIF is no reason to refuse the pixels
                return 1
            return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return 1
