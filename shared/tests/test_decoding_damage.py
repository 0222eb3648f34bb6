"""Files that are cut short are decoded as far as they go, and said to be damaged."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from facepipe.domain.errors import UndecodableImageError
from facepipe.files.decoding import DecodedImage, DecodeLimits, decode, with_pillow
from facepipe.files.decoding.damage import UNDECODED, decode_padded, leniently
from tools.chaos.samples import whole_file

_FROM_THE_TOP = (
    "jpeg", "jpeg-grey", "jpeg-cmyk", "jpeg-12-bit", "jpeg-lossless", "png", "png-palette",
    "png-alpha", "webp", "webp-lossless", "gif", "bmp", "heic", "ppm", "tga",
)  # fmt: skip
_ANYTHING = DecodeLimits(min_decoded_share=0)


def cut(kind: str, share: float) -> bytes:
    data = whole_file(kind)
    return data[: int(len(data) * share)]


@pytest.mark.parametrize("kind", [*_FROM_THE_TOP[:-1], "avif", "jpeg-progressive"])
def test_a_file_that_lacks_two_bytes_is_read_and_said_to_be_damaged(kind: str) -> None:
    whole = decode(whole_file(kind))

    decoded = decode(whole_file(kind)[:-2])

    assert decoded.damaged
    assert decoded.decoded_share > 0.98
    assert decoded.size == whole.size
    same = (decoded.rgb == whole.rgb).all(axis=2).mean()
    assert same > 0.97


@pytest.mark.parametrize("missing", [1, 2, 3, 8, 40, 100])
def test_an_avif_that_lacks_a_few_bytes_is_read_as_one_that_lacks_half_is(missing: int) -> None:
    # Given an AVIF large enough that the few bytes are a small part of its stream
    buffer = io.BytesIO()
    Image.fromarray(decode(whole_file("jpeg")).rgb).save(buffer, "AVIF", quality=90)

    decoded = decode(buffer.getvalue()[:-missing])

    assert decoded.damaged
    assert decoded.decoded_share > 0.5


@pytest.mark.parametrize("kind", _FROM_THE_TOP)
def test_half_a_file_is_decoded_as_far_as_it_goes(kind: str) -> None:
    whole = decode(whole_file(kind))

    decoded = decode(cut(kind, 0.5))

    # Then what was decoded is as in the whole file, and its share is said
    assert decoded.damaged
    assert decoded.orientation in (whole.orientation, 1)  # what tells it may be what is missing
    assert 0.25 <= decoded.decoded_share <= 0.75
    same = (_as_stored(decoded) == _as_stored(whole)).all(axis=2).mean()
    assert same == pytest.approx(decoded.decoded_share, abs=0.08)


def test_half_a_progressive_jpeg_is_the_whole_picture_less_sharp() -> None:
    decoded = decode(cut("jpeg-progressive", 0.5))

    assert (decoded.damaged, decoded.decoded_share) == (True, 1.0)


def test_too_little_of_a_picture_is_refused_and_so_is_any_damage_where_it_is_strict() -> None:
    little, nearly = cut("jpeg", 0.12), whole_file("jpeg")[:-2]

    with pytest.raises(UndecodableImageError, match="25%"):
        decode(little)
    assert 0 < decode(little, _ANYTHING).decoded_share < 0.25
    with pytest.raises(UndecodableImageError, match="refused here"):
        decode(nearly, DecodeLimits(min_decoded_share=float("inf")))


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_a_box_that_claims_gigabytes_is_not_filled_up_to_them_whatever_the_limits(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a file whose last box says that it has 2 GB, and what the file is padded by
    data = bytearray(whole_file(kind))
    at = 0
    while at + int.from_bytes(data[at : at + 4]) < len(data):
        at += int.from_bytes(data[at : at + 4])
    data[at : at + 4] = (2**31 - 1).to_bytes(4)
    padding: list[int] = []

    def noting(data: bytes, missing: int, decode_: Callable[[bytes], Any]) -> Any:
        padding.append(missing)
        return decode_padded(data, missing, decode_)

    monkeypatch.setattr(with_pillow, "decode_padded", noting)

    # When stages decode it that have no limits but those of its acceptance
    for limits in (DecodeLimits(), DecodeLimits(max_bytes=2**31, max_pixels=2**31)):
        decode(bytes(data), limits)

    # Then all of them pad it alike, and by little
    assert padding == [with_pillow.MOST_PADDING] * 2


def test_what_is_missing_is_grey() -> None:
    decoded = decode(cut("bmp", 0.5))

    grey = (decoded.rgb == UNDECODED).all(axis=2)
    assert grey.mean() == pytest.approx(1 - decoded.decoded_share, abs=0.01)


def test_grey_photographs_are_not_damaged() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), (UNDECODED,) * 3).save(buffer, "JPEG")

    decoded = decode(buffer.getvalue())

    assert (decoded.damaged, decoded.decoded_share) == (False, 1.0)


def test_of_an_animation_the_first_frame_with_a_picture_is_taken() -> None:
    # Given two blank frames before a picture
    picture = Image.open(io.BytesIO(whole_file("png"))).convert("RGB")
    blank = [Image.new("RGB", picture.size, colour) for colour in ("black", "navy")]
    buffer = io.BytesIO()
    blank[0].save(buffer, "GIF", save_all=True, append_images=[blank[1], picture])

    assert decode(buffer.getvalue()).frame == 2
    assert decode(whole_file("gif")).frame == 0


def test_leniency_is_of_one_thread() -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(bool(ImageFile.LOAD_TRUNCATED_IMAGES))

    with leniently():
        look()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    look()

    assert seen == [True, False, False]


def _as_stored(decoded: DecodedImage) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.rot90(decoded.rgb) if decoded.orientation == 6 else decoded.rgb


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-grey", "jpeg-progressive"])
@pytest.mark.parametrize("missing", [0.0, 0.001, 0.3, 0.5])
def test_without_pixels_as_much_is_said_of_a_jpeg(kind: str, missing: float) -> None:
    # given
    data = cut(kind, 1 - missing)
    # when
    seen, inspected = decode(data), decode(data, DecodeLimits(without_pixels=True))
    # then
    assert _said(inspected) == _said(seen)
    assert inspected.damaged == (missing > 0)
    assert inspected.damaged or inspected.rgb.size < seen.rgb.size / 4


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive"])
@pytest.mark.parametrize("seed", range(20))
def test_without_pixels_bytes_that_are_wrong_are_seen_as_well(kind: str, seed: int) -> None:
    # given
    random = np.random.default_rng(seed)
    data = bytearray(whole_file(kind))
    for place in random.integers(len(data) // 2, len(data) - 2, 3):
        data[place] = random.integers(256)
    # when / then
    seen, inspected = (_outcome(bytes(data), without_pixels=wanted) for wanted in (False, True))
    assert inspected == seen


def _outcome(data: bytes, *, without_pixels: bool) -> object:
    try:
        return _said(decode(data, DecodeLimits(without_pixels=without_pixels)))
    except UndecodableImageError as error:
        return error.code


def _said(image: DecodedImage) -> tuple[object, ...]:
    return image.size, image.format, image.orientation, image.damaged, image.decoded_share
