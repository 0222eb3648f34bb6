from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from facepipe.domain.errors import ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from facepipe.domain.geometry import BoundingBox, Point
from facepipe.files.decoding import DecodeLimits, decode
from facepipe.files.imaging import cut_face_crop

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (220, 20, 30), (20, 200, 40), (30, 30, 220), (250, 250, 250)


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def assert_quarters(rgb: np.ndarray[Any, Any], tolerance: int = 24) -> None:
    height, width = rgb.shape[:2]
    for (x, y), color in {
        (width // 4, height // 4): RED,
        (3 * width // 4, height // 4): GREEN,
        (width // 4, 3 * height // 4): BLUE,
        (3 * width // 4, 3 * height // 4): WHITE,
    }.items():
        assert np.abs(rgb[y, x].astype(int) - color).max() <= tolerance, (x, y, rgb[y, x])


@pytest.mark.parametrize(
    ("image_format", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 24),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 40),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("AVIF", {"quality": 95}, 24),
    ],
)
def test_every_accepted_format_gives_the_same_pixels(
    image_format: str, options: dict[str, Any], tolerance: int
) -> None:
    decoded = decode(encoded(quarters(), image_format, **options))

    assert (decoded.format, decoded.orientation, decoded.size) == (image_format, 1, (64, 48))
    assert decoded.rgb.dtype == np.uint8
    assert_quarters(decoded.rgb, tolerance)


def test_heic_is_read() -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(quarters()).save(buffer, quality=95)

    decoded = decode(buffer.getvalue())

    assert decoded.format == "HEIF"
    assert_quarters(decoded.rgb)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_every_exif_orientation_comes_out_upright(image_format: str, orientation: int) -> None:
    # Given the picture as a camera held that way would have stored it
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = quarters() if stored is None else quarters().transpose(stored)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    decoded = decode(encoded(image, image_format, exif=exif))

    assert decoded.orientation == orientation
    assert decoded.size == (64, 48)
    assert_quarters(decoded.rgb)


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_that_there_is_not_counts_as_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    assert decode(encoded(quarters(), "JPEG", exif=exif)).orientation == 1


def test_what_is_transparent_lies_on_white() -> None:
    image = quarters().convert("RGBA")
    image.putalpha(0)

    assert decode(encoded(image, "PNG")).rgb.min() == 255


def test_sixteen_bits_are_scaled_to_eight() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, axis=0)

    rgb = decode(encoded(Image.fromarray(ramp), "PNG")).rgb

    assert np.abs(rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_gray_palette_and_cmyk_become_rgb() -> None:
    gray = decode(encoded(quarters().convert("L"), "JPEG"))
    palette = decode(encoded(quarters().quantize(8), "PNG"))
    cmyk = decode(encoded(quarters().convert("CMYK"), "JPEG", quality=95))

    assert {image.rgb.shape for image in (gray, palette, cmyk)} == {(48, 64, 3)}
    assert_quarters(palette.rgb)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [quarters(), Image.new("RGB", (64, 48), "black")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert_quarters(decode(data).rgb, tolerance=40)


def test_limits_are_checked_before_the_pixels() -> None:
    data = encoded(quarters(400, 300), "PNG")

    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode(data, DecodeLimits(max_bytes=10))
    with pytest.raises(ImageTooLargeError, match="400 x 300"):
        decode(data, DecodeLimits(max_pixels=100_000))
    with pytest.raises(ImageTooLargeError, match="a side"):
        decode(data, DecodeLimits(max_side=399))


def test_broken_and_foreign_files_have_errors_of_their_own() -> None:
    with pytest.raises(UnsupportedImageError):
        decode(b"%PDF-1.7 and so on")
    with pytest.raises(UnsupportedImageError):
        decode(encoded(quarters(), "SGI"))
    with pytest.raises(UndecodableImageError):
        decode(encoded(quarters(300, 300), "PNG")[:60])


def test_a_face_crop_shows_the_box_with_its_margin() -> None:
    # Given a white square of 140 pixels on black, and a box of 100 in its middle
    image = np.zeros((400, 400, 3), np.uint8)
    image[130:270, 130:270] = 255

    crop = cut_face_crop(image, BoundingBox(150, 150, 250, 250))

    # Then the crop is just the square
    assert crop.shape == (224, 224, 3)
    assert crop[4:-4, 4:-4].min() == 255


def test_a_crop_over_the_edge_repeats_the_edge() -> None:
    image = np.full((100, 100, 3), 90, np.uint8)
    image[:, 50:] = 10

    crop = cut_face_crop(image, BoundingBox(-20, 10, 60, 90))

    assert crop[112, 0, 0] == 90
    assert crop[112, -1, 0] == 10


def test_a_turned_face_is_upright_in_its_crop() -> None:
    # Given a picture, and the same turned by 90 degrees clockwise
    upright = np.asarray(quarters(200, 200))
    turned = np.ascontiguousarray(np.rot90(upright, -1))
    box = BoundingBox(40, 40, 160, 160)

    crop = cut_face_crop(turned, box, (Point(120, 70), Point(120, 130)))

    reference = cut_face_crop(upright, box, (Point(70, 80), Point(130, 80)))
    assert np.abs(crop.astype(int) - reference).mean() < 3


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    checks = (np.indices((1600, 1600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.repeat(checks[..., None], 3, axis=2)

    crop = cut_face_crop(image, BoundingBox(300, 300, 1300, 1300))

    assert crop.std() < 20
    assert abs(crop.mean() - 127.5) < 5
