"""RAW files of cameras: the JPEG that the camera put in, where it shows the whole photograph."""

from __future__ import annotations

from collections.abc import Iterator

import tifffile

from facepipe.domain.errors import FacepipeError, RawNotSupportedError
from facepipe.files.decoding.image import DecodeLimits, Raster
from facepipe.files.decoding.jpeg import LOSSLESS, frame_of, read_jpeg
from facepipe.files.decoding.tiff import orientation_of_page, read_page

_YCBCR, _JPEG = 6, 7
_SHARE_OF_A_PREVIEW = 0.5
_LARGE = 1600
_MOST_JPEGS = 256


def read_raw(data: bytes, pages: list[tifffile.TiffPage], limits: DecodeLimits) -> Raster:
    """The largest preview: of at least half the sides of the photograph, or of 1,600 pixels.

    Raises:
        RawNotSupportedError: there is none but thumbnails.
    """
    whole = max((max(page.imagewidth, page.imagelength) for page in pages), default=2 * _LARGE)
    enough = min(_LARGE, _SHARE_OF_A_PREVIEW * whole)
    orientation = orientation_of_page(pages[0]) if pages else 1
    for side, page, jpeg in _candidates(data, pages):
        if side < enough:
            break
        try:
            raster = read_jpeg(jpeg, limits) if page is None else read_page(page, limits)
        except FacepipeError:
            continue
        # The preview has the orientation of the photograph, whether it says so or not.
        turn = orientation if pages else raster.orientation
        return Raster(
            raster.rgb, turn, raster.whole, decoded_share=raster.decoded_share, is_preview=True
        )
    raise RawNotSupportedError(
        "a RAW file without a preview of full size: export it from the camera's program as JPEG, "
        "TIFF or HEIC, and send that"
    )


def _candidates(
    data: bytes, pages: list[tifffile.TiffPage]
) -> list[tuple[int, tifffile.TiffPage | None, bytes]]:
    """The longer side of each preview, and where it is; largest first."""
    found: list[tuple[int, tifffile.TiffPage | None, bytes]] = [
        (max(page.imagewidth, page.imagelength), page, b"")
        for page in pages
        if page.compression == _JPEG and page.photometric == _YCBCR and page.bitspersample == 8
    ]
    found += [(side, None, jpeg) for side, jpeg in _jpegs(data)]
    return sorted(found, key=lambda one: -one[0])


def _jpegs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Whatever begins as a JPEG of 8 bit and goes on as one."""
    at = -1
    for _ in range(_MOST_JPEGS):
        at = data.find(b"\xff\xd8\xff", at + 1)
        if at < 0:
            return
        frame = frame_of(data[at : at + 2**20])
        if frame and frame.bits == 8 and frame.marker != LOSSLESS and frame.channels == 3:
            yield max(frame.width, frame.height), data[at:]
