"""Files that are made to do harm, or only look like it. Each is made when it is asked for."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

_HTML = b"<html><script>alert(document.domain)</script></html>"
_SIDE = 65_535


def made_files() -> Iterator[tuple[str, bytes]]:
    """Names and contents; what is in them is the same each time."""
    for make in _MAKERS:
        yield make.__name__.strip("_").replace("_", "-"), make()


def _saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _photo(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, data: bytes, depth: int = 8, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *extra, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _png_65535_square_by_header() -> bytes:
    return _png(_SIDE, _SIDE, zlib.compress(b"\0" * 100))


def _png_65535_wide_and_real() -> bytes:
    return _png(_SIDE, 1, zlib.compress(b"\0" * (_SIDE + 1)))


def _png_65535_high_and_real() -> bytes:
    return _png(1, _SIDE, zlib.compress(b"\0" * (2 * _SIDE)))


def _jpeg_65535_square_by_header() -> bytes:
    data = bytearray(_saved(_photo(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", _SIDE, _SIDE)
    return bytes(data)


def _gif_65535_square_by_header() -> bytes:
    data = bytearray(_saved(_photo("P"), "GIF"))
    data[6:10] = struct.pack("<HH", _SIDE, _SIDE)
    return bytes(data)


def _bmp_65535_square_by_header() -> bytes:
    data = bytearray(_saved(_photo(), "BMP"))
    data[18:26] = struct.pack("<ii", _SIDE, _SIDE)
    return bytes(data)


def _bmp_of_negative_size() -> bytes:
    data = bytearray(_saved(_photo(), "BMP"))
    data[18:26] = struct.pack("<ii", -(2**31), -(2**31))
    return bytes(data)


def _png_64_megapixels_of_nothing() -> bytes:
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * 8001) for _ in range(8000))
    return _png(8000, 8000, rows + packer.flush())


def _png_64_megapixels_of_16_bit() -> bytes:
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * 16001) for _ in range(8000))
    return _png(8000, 8000, rows + packer.flush(), 16)


def _png_with_a_text_bomb() -> bytes:
    bomb = zlib.compress(b"a" * 200_000_000, 9)
    return _png(4, 4, zlib.compress(b"\0" * 20), 8, _chunk(b"zTXt", b"Comment\0\0" + bomb))


def _png_and_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("run.sh", "rm -rf /")
    return _saved(_photo(), "PNG") + archive.getvalue()


def _jpeg_and_html() -> bytes:
    return _saved(_photo(), "JPEG", comment=_HTML) + _HTML


def _html_and_jpeg() -> bytes:
    return _HTML + _saved(_photo(), "JPEG")


def _gif_and_javascript() -> bytes:
    return _saved(_photo("P"), "GIF") + b"/**/=1;alert(1);//"


def _svg_with_a_script() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def _postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n"


def _jpeg_cut_in_the_middle() -> bytes:
    whole = _saved(_photo(size=(640, 480)), "JPEG")
    return whole[: len(whole) // 2]


def _png_cut_in_the_middle() -> bytes:
    whole = _saved(_photo(size=(640, 480)), "PNG")
    return whole[: len(whole) // 2]


def _jpeg_start_and_noise() -> bytes:
    return b"\xff\xd8\xff\xe0" + random.Random(1).randbytes(5000)


def _noise() -> bytes:
    return random.Random(2).randbytes(5000)


def _zeros() -> bytes:
    return bytes(5000)


def _one_byte() -> bytes:
    return b"\xff"


def _one_pixel_jpeg() -> bytes:
    return _saved(_photo(size=(1, 1)), "JPEG")


def _one_pixel_gif() -> bytes:
    return _saved(_photo("P", size=(1, 1)), "GIF")


def _cmyk_jpeg() -> bytes:
    return _saved(_photo("CMYK"), "JPEG")


def _cmyk_tiff() -> bytes:
    return _saved(_photo("CMYK"), "TIFF")


def _png_16_bit() -> bytes:
    return _saved(Image.fromarray(np.arange(3072, dtype=np.uint16).reshape(48, 64)), "PNG")


def _tiff_float() -> bytes:
    values = np.full((48, 64), np.nan, np.float32)
    values[:, 32:] = np.inf
    return _saved(Image.fromarray(values), "TIFF")


def _png_palette_with_transparency() -> bytes:
    return _saved(_photo("P"), "PNG", transparency=3)


def _png_alpha() -> bytes:
    return _saved(_photo("RGBA"), "PNG")


def _png_1_bit() -> bytes:
    return _saved(_photo("1"), "PNG")


def _animated_gif() -> bytes:
    frames = [_photo("P") for _ in range(5)]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def _animated_webp() -> bytes:
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    return _saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def _animated_png() -> bytes:
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    return _saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


def _jpeg_with_orientation_300() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 300
    return _saved(_photo(), "JPEG", exif=exif)


_MAKERS: tuple[Callable[[], bytes], ...] = (
    _png_65535_square_by_header,
    _png_65535_wide_and_real,
    _png_65535_high_and_real,
    _jpeg_65535_square_by_header,
    _gif_65535_square_by_header,
    _bmp_65535_square_by_header,
    _bmp_of_negative_size,
    _png_64_megapixels_of_nothing,
    _png_64_megapixels_of_16_bit,
    _png_with_a_text_bomb,
    _png_and_zip,
    _jpeg_and_html,
    _html_and_jpeg,
    _gif_and_javascript,
    _svg_with_a_script,
    _postscript,
    _jpeg_cut_in_the_middle,
    _png_cut_in_the_middle,
    _jpeg_start_and_noise,
    _noise,
    _zeros,
    _one_byte,
    _one_pixel_jpeg,
    _one_pixel_gif,
    _cmyk_jpeg,
    _cmyk_tiff,
    _png_16_bit,
    _tiff_float,
    _png_palette_with_transparency,
    _png_alpha,
    _png_1_bit,
    _animated_gif,
    _animated_webp,
    _animated_png,
    _jpeg_with_orientation_300,
)
