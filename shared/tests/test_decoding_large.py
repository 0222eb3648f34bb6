"""Images of more pixels than are ever in memory."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facepipe.domain.analysis import Box, DetectedFace, LandmarkPoint
from facepipe.domain.errors import ImageTooLargeError, TooManyPixelsError
from facepipe.domain.geometry import BoundingBox, ImageSize
from facepipe.domain.reduction import (
    reduced_box,
    reduced_face,
    reduced_size,
    reduction_of,
    whole_face,
)
from facepipe.files.decoding import ACCEPTED_BEFORE, DecodeLimits, decode

PEAK_MB = """
import resource, sys
from pathlib import Path
from facepipe.files.decoding import decode
data = Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(data)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of more than 10,000 pixels count as very large."""
    monkeypatch.setattr("facepipe.domain.reduction.WHOLE_PIXELS", 10_000)


def test_a_jpeg_of_200_megapixels_takes_the_memory_of_a_quarter_of_its_pixels(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.jpg"
    Image.linear_gradient("L").resize((16_320, 12_240)).save(path, quality=50)

    command = [sys.executable, "-c", PEAK_MB, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)

    # 8160 x 6120 pixels of three bytes are 143 MB, all of them would be 571 MB
    assert int(printed.stdout) < 250


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_is_decoded_smaller_and_says_how_large_it_is(
    mode: str, orientation: int
) -> None:
    # Given a photograph of odd sides, dark to the left and bright to the right
    picture = Image.linear_gradient("L").rotate(90).resize((301, 151)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _encoded(picture, "JPEG", quality=95, exif=exif)

    decoded = decode(data, DecodeLimits())

    # Then the size is that of the whole image, upright, and the pixels are every fourth
    assert decoded.size == (ImageSize(301, 151) if orientation == 1 else ImageSize(151, 301))
    seen = reduced_size(decoded.size, 4)
    assert decoded.rgb.shape == (seen.height, seen.width, 3)
    upright = decoded.rgb if orientation == 1 else np.rot90(decoded.rgb)
    assert not decoded.damaged
    expected = picture.convert("RGB").resize((76, 38), Image.Resampling.BOX)
    assert np.abs(upright.astype(int) - np.asarray(expected)).mean() < 4


@pytest.mark.usefixtures("small_memory")
def test_a_large_jpeg_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    data = _encoded(Image.fromarray(noise), "JPEG")

    decoded = decode(data[: len(data) * 3 // 4])

    assert decoded.damaged
    assert decoded.size == ImageSize(400, 300)
    assert 0.6 < decoded.decoded_share < 0.9


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "BMP"])
def test_what_cannot_be_decoded_smaller_has_a_limit_of_its_own(kind: str) -> None:
    data = _encoded(Image.new("RGB", (200, 100)), kind)

    with pytest.raises(TooManyPixelsError, match="200 x 100 pixels") as refused:
        decode(data, DecodeLimits(max_whole_pixels=10_000))

    assert (refused.value.code, refused.value.http_status) == ("too_many_pixels", 413)


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_with_a_limit_of_their_own_that_is_raised_they_are_looked_at_smaller_too(kind: str) -> None:
    data = _encoded(Image.new("RGB", (200, 101), "red"), kind)

    decoded = decode(data, ACCEPTED_BEFORE)

    assert decoded.size == ImageSize(200, 101)
    assert decoded.rgb.shape == (51, 100, 3)


def test_a_progressive_jpeg_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    # Given one whose coefficients alone take 1.2 GB: only its header says so
    small = bytearray(_encoded(Image.new("RGB", (64, 64)), "JPEG", progressive=True, subsampling=0))
    at = small.index(b"\xff\xc2") + 5
    small[at : at + 4] = (12_240).to_bytes(2) + (16_320).to_bytes(2)

    with pytest.raises(TooManyPixelsError):
        decode(bytes(small))


def test_a_progressive_jpeg_of_usual_size_is_read() -> None:
    data = _encoded(Image.new("RGB", (640, 480)), "JPEG", progressive=True)

    assert decode(data, DecodeLimits(max_whole_pixels=1000)).size == ImageSize(640, 480)


def test_more_than_the_limit_is_refused_also_of_a_jpeg() -> None:
    data = _encoded(Image.new("RGB", (200, 100)), "JPEG")

    with pytest.raises(ImageTooLargeError) as refused:
        decode(data, DecodeLimits(max_pixels=10_000))

    assert refused.value.code == "image_too_large"


def test_faces_come_back_from_the_pixels_that_were_looked_at() -> None:
    size = ImageSize(16_321, 12_241)
    reduction = reduction_of(size)
    edge = DetectedFace(
        box=Box(x1=8000, y1=10, x2=8161, y2=110),
        confidence=0.9,
        landmarks=[LandmarkPoint(x=8001.5, y=20.25)],
    )

    whole = whole_face(edge, reduction, size)

    assert reduction == 2
    assert whole.box == Box(x1=16_000, y1=20, x2=16_321, y2=220)
    assert whole.landmarks == [LandmarkPoint(x=16_003, y=40.5)]
    assert reduced_face(whole, reduction) == edge
    assert reduced_box(BoundingBox(5, 5, 6, 6), 4) == BoundingBox(1, 1, 2, 2)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
