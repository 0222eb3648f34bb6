"""TIFF: with Pillow what it reads rightly, the rest with tifffile; RAW files that are TIFF."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator

import tifffile
from PIL import Image

from facepipe.domain.errors import FacepipeError, UndecodableImageError
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import MOST_REDUCTION, reduction_of
from facepipe.files.decoding.damage import refuse_if_little
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.pixels import EXIF_ORIENTATION, rgb_of_samples
from facepipe.files.decoding.shrinking import Shrinking
from facepipe.files.decoding.with_pillow import read_with_pillow

# The compressions that tifffile may call a codec for: what is not here is not decoded.
_COMPRESSIONS = frozenset(
    {1, 5, 7, 8, 32773, 32946, 33003, 33005, 34712, 34925, 50000, 50001, 50002, 52546}
)
_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_CFA, _LINEAR_RAW = 32803, 34892
_PLANAR_CONFIGURATION, _BITS, _COMPRESSION = 284, 258, 259
_SEPARATE = 2
_NOT_OF_PILLOW = frozenset({34925, 50000, 50001, 50002, 52546, 33003, 33005, 34712})
_MOST_PAGES = 64
_MOST_DEPTH = 3
_MOST_SEGMENT_PIXELS = 16_000_000
_BUFFER = 4 * 2**20

_log = logging.getLogger(__name__)

_AnyPage = tifffile.TiffPage | tifffile.TiffFrame

# What it thinks of a file stands in the error that is raised.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def read_tiff(data: bytes, limits: DecodeLimits) -> Raster:
    """The first page.

    Raises:
        ImageTooLargeError: its header says that it is.
        UndecodableImageError: too little of it can be decoded.
    """
    try:
        if (large := _read_in_segments(data, limits)) is not None:
            return large
        if _is_for_pillow(data):
            return read_with_pillow(data, "TIFF", limits)
        return _read_with_tifffile(data, limits)
    except (FacepipeError, MemoryError):
        raise
    except Exception as error:
        raise UndecodableImageError(f"the TIFF cannot be decoded: {error}") from error


def pages_of(data: bytes) -> list[tifffile.TiffPage]:
    """All pages with the pages inside them; none where the file is no TIFF that can be read."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return list(_walk(file.pages[:_MOST_PAGES], _MOST_DEPTH))
    except MemoryError:
        raise
    except Exception:
        return []


def is_raw(data: bytes, pages: list[tifffile.TiffPage]) -> bool:
    """Whether a file that begins as a TIFF holds the samples of a sensor."""
    return data[8:10] == b"CR" or any(
        _tag(page, "PhotometricInterpretation") in (_CFA, _LINEAR_RAW) or "DNGVersion" in page.tags
        for page in pages
    )


def read_page(page: tifffile.TiffPage, limits: DecodeLimits) -> Raster:
    """Decodes a page; its compression and colours have to be among those that are meant."""
    limits.check_whole(page.imagewidth, page.imagelength)
    if page.compression not in _COMPRESSIONS or page.imagedepth != 1:
        raise UndecodableImageError(
            f"TIFF with the compression {int(page.compression)} is not read: save it with "
            "LZW or Deflate, or as PNG"
        )
    if page.photometric not in (_MINISWHITE, _MINISBLACK, _RGB, _YCBCR):
        raise UndecodableImageError(
            f"TIFF with the colours {int(page.photometric)} is not read: save it as RGB"
        )
    samples = page.asarray(maxworkers=1)
    if page.planarconfig == _SEPARATE and samples.ndim == 3:
        samples = samples.transpose(1, 2, 0)
    rgb = rgb_of_samples(samples, bits=page.bitspersample)
    if page.photometric == _MINISWHITE:
        rgb = 255 - rgb
    return Raster(rgb, orientation_of_page(page))


def _read_in_segments(data: bytes, limits: DecodeLimits) -> Raster | None:
    """A very large page, strip by strip or tile by tile; None where it is no such page."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            size = ImageSize(page.imagewidth, page.imagelength)
            if reduction_of(size) == 1 or not _has_small_segments(page):
                return None
            limits.check_size(*size)
            return _read_segments(page, Shrinking(size), limits)
    except (FacepipeError, MemoryError):
        raise
    except Exception:  # no TIFF that tifffile reads; others may
        return None


def _has_small_segments(page: tifffile.TiffPage) -> bool:
    """Whether its colours and its strips or tiles are such that each can be read alone."""
    height, width = page.rowsperstrip, page.imagewidth
    if page.is_tiled:
        height, width = page.tilelength, page.tilewidth
    is_even = not page.is_tiled or (height % MOST_REDUCTION == 0 and width % MOST_REDUCTION == 0)
    return (
        is_even
        and page.compression in _COMPRESSIONS
        and page.photometric in (_MINISWHITE, _MINISBLACK, _RGB, _YCBCR)
        and (page.planarconfig != _SEPARATE or page.samplesperpixel == 1)
        and page.imagedepth == 1
        and page.dtype is not None
        and page.dtype.kind in "bu"
        and height * width <= _MOST_SEGMENT_PIXELS
    )


def _read_segments(page: tifffile.TiffPage, shrinking: Shrinking, limits: DecodeLimits) -> Raster:
    try:
        for samples, (_, _, y, x, _), (_, height, width, _) in page.segments(
            maxworkers=1, buffersize=_BUFFER
        ):
            if samples is None:
                continue
            rgb = rgb_of_samples(samples[0, :height, :width], bits=page.bitspersample)
            rgb = 255 - rgb if page.photometric == _MINISWHITE else rgb
            if page.is_tiled:
                shrinking.place(rgb, x, y)
            else:
                shrinking.add_rows(rgb)
    except MemoryError:
        raise
    except Exception:  # what has come before is kept
        _log.debug("a TIFF breaks off", exc_info=True)
    share = None if shrinking.share == 1 else shrinking.share
    if share is not None:
        refuse_if_little(share, limits.min_decoded_share)
    size = ImageSize(page.imagewidth, page.imagelength)
    return Raster(shrinking.rgb, orientation_of_page(page), size, decoded_share=share)


def orientation_of_page(page: tifffile.TiffPage) -> int:
    """EXIF orientation 1-8."""
    value = _tag(page, EXIF_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _walk(pages: Iterable[_AnyPage], depth: int) -> Iterator[tifffile.TiffPage]:
    for page in pages:
        whole = page.aspage()
        yield whole
        if whole.subifds and depth:
            yield from _walk(list(whole.pages or ())[:_MOST_PAGES], depth - 1)


def _is_for_pillow(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
            tags = image.tag_v2  # type: ignore[attr-defined]  # of TiffImageFile
            is_deep_and_planar = (
                tags.get(_PLANAR_CONFIGURATION) == _SEPARATE and max(tags.get(_BITS, (8,))) > 8
            )
            return not is_deep_and_planar and tags.get(_COMPRESSION) not in _NOT_OF_PILLOW
    except Exception:  # samples of a kind that Pillow does not know
        return False


def _read_with_tifffile(data: bytes, limits: DecodeLimits) -> Raster:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return read_page(file.pages.first, limits)


def _tag(page: tifffile.TiffPage, name: str | int) -> object:
    tag = page.tags.get(name)
    return None if tag is None else tag.value
