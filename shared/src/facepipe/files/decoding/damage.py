"""Decodes what there is of a file that is cut short or broken, and tells how much that is.

Pixels that were decoded do not depend on what the missing rest is thought to be. So the file is
decoded twice, with another filling each time: where both pictures agree, there is the image.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from facepipe.domain.errors import FacepipeError, UndecodableImageError
from facepipe.files import jpeg_decodes
from facepipe.files.imaging import RgbImage

UNDECODED = 128
_BLOCK = 4
# Shares of what there is that are given up, one after the other, where nothing else can be decoded.
_GIVEN_UP = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8)


class _Lenient(threading.local):
    """Pillow's switch for truncated files is one for the process; this is one a thread."""

    is_on = False

    def __bool__(self) -> bool:
        return self.is_on


_lenient = _Lenient()
ImageFile.LOAD_TRUNCATED_IMAGES = _lenient  # type: ignore[assignment]  # read as a truth value


@contextmanager
def leniently() -> Iterator[None]:
    """Pillow gives what it decoded before it came to the damage."""
    _lenient.is_on = True
    try:
        yield
    finally:
        _lenient.is_on = False


def agreed(
    pictures: list[RgbImage], samples: Sequence[npt.NDArray[Any]] | None = None
) -> tuple[RgbImage, float]:
    """The picture with grey where two decodings differ, and the share where they do not.

    Args:
        pictures: shape `(height, width, 3)`, uint8, RGB.
        samples: what they were made of, where that tells more; `(height, width[, channels])`.

    Raises:
        UndecodableImageError: there are no two pictures of one shape.
    """
    if len(pictures) < 2 or pictures[0].shape != pictures[1].shape:
        raise UndecodableImageError("too little of the image is there to decode anything")
    first, second = samples or pictures
    same = first == second
    if same.ndim == 3:
        same = same.all(axis=2)
    rgb = np.where(same[..., None], pictures[0], np.uint8(UNDECODED))
    return rgb, float(same.mean())


def decode_prefilled(
    data: bytes, formats: list[str], to_rgb: Callable[[Image.Image], RgbImage]
) -> tuple[RgbImage, float]:
    """For formats that Pillow decodes row by row into memory of its own."""
    pictures, samples = [], []
    for filling in (0, 255):
        with leniently(), Image.open(io.BytesIO(data), formats=formats) as image:
            _fill_first(image, filling)
            jpeg_decodes.note(formats[0] == "JPEG")
            image.load()
            samples.append(np.array(image))
            pictures.append(to_rgb(image))
    if formats[0] == "JPEG":  # its decoder fills in grey itself
        return pictures[0], share_not_grey(samples[0])
    return agreed(pictures, samples)


def decode_padded(
    data: bytes, missing: int, decode: Callable[[bytes], RgbImage]
) -> tuple[RgbImage, float]:
    """For formats that are decoded whole or not at all: something stands for what is missing.

    A decoder of AVIF wants its stream to end as it should, so a little filling is worse than much:
    where it is refused, some of the end is taken for missing as well.
    """
    for share in _GIVEN_UP:
        kept = len(data) - int(share * len(data))
        pictures = _filled(data[:kept], missing + len(data) - kept, decode)
        if len(pictures) > 1:
            break
    return agreed(pictures)


def _filled(data: bytes, missing: int, decode: Callable[[bytes], RgbImage]) -> list[RgbImage]:
    """The first two pictures that come of four fillings; fewer where fewer do."""
    pictures: list[RgbImage] = []
    for filling in (b"\0", b"\xff", b"\x55", b"\xaa"):
        with suppress(Exception):  # the filling may be what cannot be decoded
            pictures.append(decode(data + filling * missing))
        if len(pictures) == 2:
            break
    return pictures


def share_not_grey(samples: npt.NDArray[np.uint8]) -> float:
    """Share of a damaged JPEG that was decoded: its decoder leaves the other blocks grey.

    Shape `(height, width, channels)`, uint8. Inverted inks are one step off.
    """
    grey = ((samples == UNDECODED) | (samples == UNDECODED - 1)).all(axis=2)
    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    if not height or not width:
        return 1.0 - float(grey.mean())
    blocks = grey[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return 1.0 - float(blocks.all(axis=(1, 3)).mean())


def refuse_if_little(share: float, least: float) -> None:
    """Raises UndecodableImageError where too little was decoded."""
    if share < least:
        raise UndecodableImageError(
            "the image is cut short or broken: "
            + (
                "damaged files are refused here"
                if least > 1
                else f"{share:.0%} of it can be decoded, {least:.0%} are asked for"
            )
        )


def _fill_first(image: Image.Image, filling: int) -> None:
    prepare = image.load_prepare  # type: ignore[attr-defined]  # of ImageFile

    def prepare_and_fill() -> None:
        prepare()
        with suppress(FacepipeError, ValueError, TypeError):
            bands = len(Image.Image.getbands(image))
            image.im.paste((filling,) * bands if bands > 1 else filling, (0, 0, *image.im.size))

    image.load_prepare = prepare_and_fill  # type: ignore[attr-defined]
