"""JPEG: of 8 bit with simplejpeg, of 12 bit and lossless with imagecodecs, the rest with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import imagecodecs
import simplejpeg
from PIL import Image

from facepipe.domain.errors import UndecodableImageError
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import reduced_size, reduction_of
from facepipe.files import jpeg_decodes
from facepipe.files.decoding.damage import refuse_if_little, share_not_grey
from facepipe.files.decoding.endings import has_end
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import EXIF_ORIENTATION, rgb_of_samples
from facepipe.files.decoding.with_pillow import read_with_pillow
from facepipe.files.imaging import RgbImage

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
LOSSLESS = 0xC3
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN, _END = 0xDA, 0xD9
_MOST_COEFFICIENTS = 400 * 2**20
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# Warnings of libjpeg that cost no pixel.
_HARMLESS = ("extraneous bytes", "Adobe", "Invalid SOS", "JFIF", "ICC marker")


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What stands in the frame header of a JPEG.

    Attributes:
        coefficient_bytes: what libjpeg needs to keep all of them, where it has to.
        is_buffered: whether it has to: progressive, or one channel after the other.
    """

    marker: int
    bits: int
    width: int
    height: int
    channels: int
    coefficient_bytes: int
    is_buffered: bool

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.width, self.height)


def read_jpeg(data: bytes, limits: DecodeLimits) -> Raster:
    """Raises ImageTooLargeError, or UndecodableImageError where too little can be decoded."""
    frame = frame_of(data)
    if frame is None:
        raise UndecodableImageError("the JPEG has no frame header")
    if frame.height:  # 0: it follows after the first scan, which Pillow copes with
        is_small_enough = not frame.is_buffered or frame.coefficient_bytes <= _MOST_COEFFICIENTS
        (limits.check_size if is_small_enough else limits.check_whole)(frame.width, frame.height)
    if frame.bits != 8 or frame.marker == LOSSLESS:
        limits.check_whole(frame.width, frame.height)
        return _read_deep(data, frame, limits)
    if frame.channels in (1, 3):
        try:
            if limits.without_pixels and frame.height:
                return Raster(_decoded(data, ImageSize(1, 1)), _orientation(data), frame.size)
            rgb = _decoded(data, _wanted(frame), padded=limits.padded)
            return _raster(rgb, frame, data)
        except ValueError as error:
            if not any(word in str(error) for word in _HARMLESS) and frame.height:
                return _read_damaged(data, frame, limits, error)
    return read_with_pillow(data, "JPEG", limits)


def frame_of(data: bytes) -> JpegFrame | None:
    """The frame header of a JPEG; None where there is none."""
    frame = None
    for marker, at, size in _segments(data):
        if marker in _FRAMES and size >= 8:
            height = int.from_bytes(data[at + 1 : at + 3])
            width = int.from_bytes(data[at + 3 : at + 5])
            channels = data[at + 5]
            sampling = [data[at + 7 + 3 * n] for n in range(channels) if at + 7 + 3 * n < len(data)]
            coefficients = round(2 * width * height * _samples_a_pixel(sampling))
            is_buffered = marker in _PROGRESSIVE
            frame = JpegFrame(marker, data[at], width, height, channels, coefficients, is_buffered)
        elif marker == _SCAN and frame is not None:
            return replace(frame, is_buffered=frame.is_buffered or data[at] < frame.channels)
    return frame


def _samples_a_pixel(sampling: list[int]) -> float:
    """How many samples there are a pixel, by the sampling factors of the channels."""
    areas = [(factor >> 4) * (factor & 15) for factor in sampling]
    return sum(areas) / max(1, *areas, 1)


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
        elif marker == _END:
            return
        else:
            size = int.from_bytes(data[at + 2 : at + 4])
            if at + 2 + size > len(data):
                return
            yield marker, at + 4, size
            if marker == _SCAN:
                return
            at += 2 + max(2, size)


def _wanted(frame: JpegFrame) -> ImageSize:
    """The least size to decode to; (0, 0) for the whole one."""
    reduction = reduction_of(frame.size)
    return reduced_size(frame.size, reduction) if reduction > 1 else ImageSize(0, 0)


def _decoded(
    data: bytes, size: ImageSize, *, strict: bool = True, padded: bool = False
) -> RgbImage:
    """Smaller where that is enough: libjpeg makes fewer pixels of each block of coefficients."""
    jpeg_decodes.note()
    rgb: RgbImage = simplejpeg.decode_jpeg(
        data,
        "RGBX" if padded else "RGB",
        fastdct=False,
        fastupsample=False,
        min_width=size.width,
        min_height=size.height,
        strict=strict,
    )
    return rgb


def _raster(rgb: RgbImage, frame: JpegFrame, data: bytes, share: float | None = None) -> Raster:
    whole = frame.size if reduction_of(frame.size) > 1 else None
    return Raster(rgb, _orientation(data), whole, decoded_share=share)


def _read_damaged(data: bytes, frame: JpegFrame, limits: DecodeLimits, cause: ValueError) -> Raster:
    try:
        rgb = _decoded(data, _wanted(frame), strict=False)
    except ValueError as error:
        raise UndecodableImageError(f"the image data is broken: {cause}") from error
    share = share_not_grey(rgb)
    refuse_if_little(share, limits.min_decoded_share)
    return _raster(rgb, frame, data, share)


def _read_deep(data: bytes, frame: JpegFrame, limits: DecodeLimits) -> Raster:
    jpeg_decodes.note()
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
