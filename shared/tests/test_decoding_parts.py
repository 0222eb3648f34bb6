"""PNG and TIFF of more pixels than are ever in memory: in parts they are the same as whole."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from facepipe.domain.errors import TooManyPixelsError, UndecodableImageError
from facepipe.domain.geometry import ImageSize
from facepipe.files.decoding import DecodedImage, DecodeLimits, decode
from shared.tests.test_decoding_large import PEAK_MB

SIZE = ImageSize(303, 201)  # no multiple of anything
FEW = DecodeLimits(max_whole_pixels=10_000, min_decoded_share=0)


def picture() -> Image.Image:
    """Colours that change in all directions, and noise: every filter of PNG is used."""
    x, y = np.meshgrid(np.arange(SIZE.width), np.arange(SIZE.height))
    noise = np.random.default_rng(0).integers(0, 30, x.shape)
    layers = [x * 220 // SIZE.width, y * 220 // SIZE.height, (x + y) * 220 // 504]
    return Image.fromarray(np.stack([(layer + noise) for layer in layers], 2).astype(np.uint8))


def png(kind: str) -> bytes:
    image = picture()
    buffer = io.BytesIO()
    match kind:
        case "rgb16":
            return bytes(imagecodecs.png_encode(np.asarray(image).astype(np.uint16) * 251))
        case "grey16":
            Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 251).save(
                buffer, "PNG"
            )
        case "RGBA" | "LA":
            image = image.convert(kind)
            image.putalpha(picture().convert("L"))
            image.save(buffer, "PNG")
        case "P transparent":
            image.quantize(64).save(buffer, "PNG", transparency=bytes(range(64)))
        case "P 2 bit" | "P 4 bit":
            bits = int(kind[2])
            image.quantize(2**bits).save(buffer, "PNG", bits=bits)
        case _:
            image.convert(kind).save(buffer, "PNG")
    return buffer.getvalue()


def tiff(compression: str | None, **options: object) -> bytes:
    buffer = io.BytesIO()
    options = {"photometric": "rgb", "compression": compression, **options}
    tifffile.imwrite(buffer, np.asarray(picture()), **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of more than 10,000 pixels count as very large, and 9 kB as a large part."""
    monkeypatch.setattr("facepipe.domain.reduction.WHOLE_PIXELS", 10_000)
    monkeypatch.setattr("facepipe.files.decoding.png_bands._BAND_BYTES", 9_000)


def whole(data: bytes) -> DecodedImage:
    """As it is read where it may be in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facepipe.domain.reduction.WHOLE_PIXELS", 64_000_000)
        return decode(data)


KINDS = {
    **{
        f"png {kind}": png(kind)
        for kind in ("RGB", "L", "RGBA", "LA", "P", "P transparent", "1", "P 2 bit", "P 4 bit",
                     "rgb16", "grey16")
    },
    **{
        f"tiff {compression} {name}": tiff(compression, **{name: parts})
        for compression in (None, "zlib", "lzw", "jpeg")
        for name, parts in (("rowsperstrip", 7), ("tile", (64, 64)))
    },
}  # fmt: skip


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("kind", KINDS)
def test_in_parts_it_is_the_same_as_whole(kind: str) -> None:
    decoded = decode(KINDS[kind], FEW)

    assert decoded.size == SIZE
    assert not decoded.damaged
    expected = np.asarray(Image.fromarray(whole(KINDS[kind]).rgb).reduce(4))
    assert np.array_equal(decoded.rgb, expected)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("kind", ["png RGB", "tiff zlib rowsperstrip"])
def test_what_is_cut_short_is_read_as_far_as_it_goes(kind: str) -> None:
    data = KINDS[kind]
    half = decode(data[: len(data) // 2], FEW)

    assert half.damaged
    assert 0.3 < half.decoded_share < 0.7
    rows = int(half.decoded_share * half.rgb.shape[0]) - 2
    expected = np.asarray(Image.fromarray(whole(data).rgb).reduce(4))
    assert np.array_equal(half.rgb[:rows], expected[:rows])
    assert (half.rgb[rows + 6 :] == 128).all()
    with pytest.raises(UndecodableImageError):
        decode(data[: len(data) // 2], DecodeLimits(min_decoded_share=0.9))


@pytest.mark.usefixtures("in_parts")
def test_a_png_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture().save(buffer, "PNG", exif=exif)

    decoded = decode(buffer.getvalue(), FEW)

    assert (decoded.size, decoded.orientation) == (ImageSize(SIZE.height, SIZE.width), 6)


@pytest.mark.usefixtures("in_parts")
def test_what_has_no_small_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a TIFF of one strip, and a PNG whose header says that it is interlaced
    monkeypatch.setattr("facepipe.files.decoding.tiff._MOST_SEGMENT_PIXELS", 10_000)
    one_strip = tiff("zlib", rowsperstrip=SIZE.height)
    interlaced = bytearray(KINDS["png RGB"])
    interlaced[28] = 1
    interlaced[29:33] = zlib.crc32(interlaced[12:29]).to_bytes(4)

    for data in (one_strip, bytes(interlaced)):
        with pytest.raises(TooManyPixelsError):
            decode(data, FEW)


@pytest.mark.parametrize("kind", ["png", "strips", "tiles"])
def test_100_megapixels_take_the_memory_of_a_quarter_of_them(kind: str, tmp_path: Path) -> None:
    # given a scan of 12,000 x 9,000
    path = tmp_path / kind
    image = Image.linear_gradient("L").resize((12_000, 9_000)).convert("RGB")
    if kind == "png":
        image.save(path, "PNG", compress_level=1)
    else:
        parts: dict[str, object] = {"tile": (256, 256)} if kind == "tiles" else {"rowsperstrip": 32}
        tifffile.imwrite(path, np.asarray(image), photometric="rgb", compression="zlib", **parts)  # type: ignore[arg-type]
    # when it is decoded
    command = [sys.executable, "-c", PEAK_MB, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    # then not the 309 MB of all pixels are in memory, but the 77 MB of a quarter, and a part
    assert int(printed.stdout) < 180
