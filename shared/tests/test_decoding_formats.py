"""Every kind of file gives the pixels that it was made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facepipe.domain.errors import (
    ImageTooLargeError,
    RawNotSupportedError,
    UndecodableImageError,
    UnsupportedImageError,
)
from facepipe.files.decoding import DecodeLimits, decode
from facepipe.files.decoding.jxl import jxl_size
from facepipe.files.formats import ACCEPTED_FORMATS, format_of
from tools.chaos.samples import FORMATS, KINDS, whole_file
from tools.stack.demo import astronaut

# Of what is stored without loss, of what a palette or a strong compression leaves, of grey.
_LEAST_DB = {"gif": 20, "png-palette": 20, "jpeg-grey": 15}
_LOSSLESS = {"png", "bmp", "tiff", "tiff-lzw", "tiff-16-bit-planar", "tiff-float", "ppm", "tga"} | {
    "jpeg-lossless", "jpeg2000", "ico", "psd", "webp-lossless", "png-alpha",
}  # fmt: skip


def source() -> npt.NDArray[np.uint8]:
    with Image.open(astronaut()) as image:
        return np.asarray(image.convert("RGB").resize((192, 192)))


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_pixels_of_its_source(kind: str) -> None:
    decoded = decode(whole_file(kind))

    rgb = np.rot90(decoded.rgb) if decoded.orientation == 6 else decoded.rgb
    assert not decoded.damaged
    assert psnr(rgb, source()) >= (60 if kind in _LOSSLESS else _LEAST_DB.get(kind, 29))


def test_the_kinds_are_of_all_accepted_formats() -> None:
    assert set(ACCEPTED_FORMATS) == FORMATS


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_is_checked_in_every_format(kind: str) -> None:
    with pytest.raises((ImageTooLargeError, RawNotSupportedError)):
        decode(whole_file(kind), DecodeLimits(max_side=191))


@pytest.mark.parametrize("junk", [b"\n", b"\r\n", b"  \t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "heic"])
def test_blanks_before_the_first_byte_are_left_out(kind: str, junk: bytes) -> None:
    assert np.array_equal(decode(junk + whole_file(kind)).rgb, decode(whole_file(kind)).rgb)


def test_a_raw_file_gives_its_preview_or_an_error_and_never_its_thumbnail() -> None:
    # Given a RAW file with a preview of full size, and the same without
    whole = whole_file("raw")
    bare = whole[: whole.index(b"\xff\xd8\xff")]

    decoded = decode(whole)

    assert (decoded.format, decoded.is_preview, decoded.size) == ("RAW", True, (192, 192))
    with pytest.raises(RawNotSupportedError, match="export it"):
        decode(bare)


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (b"%PDF-1.7 and so on", "PDF"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<html><body>gone</body></html>", "web page"),
        (b"PK\3\4" + bytes(40), "archive"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"no image at all", "accepted format"),
    ],
)
def test_what_is_no_image_is_told_what_to_do(data: bytes, advice: str) -> None:
    with pytest.raises(UnsupportedImageError, match=advice):
        decode(data)


@pytest.mark.parametrize(
    ("head", "size"),
    [
        # The two bytes of the signature, then bits from the lowest: small, height, ratio, width.
        ("ff0a" + (1 | 4 << 1 | 0 << 6 | 7 << 9).to_bytes(3, "little").hex(), (64, 40)),
        ("ff0a" + (1 | 4 << 1 | 1 << 6).to_bytes(3, "little").hex(), (40, 40)),
        ("ff0a" + (0 | 1 << 1 | 2999 << 3 | 3 << 16).to_bytes(4, "little").hex(), (4000, 3000)),
    ],
)
def test_the_size_of_a_jpeg_xl_is_read_from_its_head(head: str, size: tuple[int, int]) -> None:
    assert jxl_size(bytes.fromhex(head) + bytes(4)) == size


def test_text_is_not_taken_for_a_tga() -> None:
    assert format_of(b"\0\0\2" + bytes(200)) is None
    assert format_of(whole_file("tga")) == "TGA"


def test_a_jpeg_with_a_broken_colour_profile_is_read() -> None:
    # Given the first of no parts of a profile
    whole = whole_file("jpeg")
    part = b"ICC_PROFILE\0\x01\0" + bytes(20)
    data = whole[:2] + b"\xff\xe2" + (len(part) + 2).to_bytes(2) + part + whole[2:]

    decoded = decode(data)

    assert not decoded.damaged
    assert (decoded.rgb == decode(whole).rgb).mean() > 0.99


def test_an_empty_file_is_said_to_be_empty() -> None:
    with pytest.raises(UnsupportedImageError, match="the file is empty"):
        decode(b"")


def test_what_is_said_of_a_broken_header_is_for_people() -> None:
    with pytest.raises(UndecodableImageError, match=r"its header cannot be read$"):
        decode(whole_file("png")[:8] + bytes(100))
