"""The one decoder, and the one cutter of face crops: bytes -> upright RGB, limits first.

Needs the extra `imaging` (numpy, Pillow, pillow-heif, simplejpeg). Every stage that looks at
pixels gets them from here, so that all of them see the same image.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pillow_heif
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from facepipe.domain.errors import ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from facepipe.domain.geometry import (
    FACE_CROP_SIZE,
    BoundingBox,
    ImageSize,
    Point,
    face_crop_transform,
)

RgbImage = npt.NDArray[np.uint8]

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")

# Pillow reads AVIF itself; HEIC needs the plug-in. Its own bomb check is replaced by ours.
Image.init()
pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None

_EXIF_ORIENTATION = 0x0112
_TURNS_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What an upload may at most be."""

    max_bytes: int = 50 * 2**20
    max_pixels: int = 64_000_000
    max_side: int = 20_000


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image.

    Attributes:
        rgb: shape `(height, width, 3)`, uint8, RGB, EXIF orientation applied, C-contiguous.
        format: "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF" or "AVIF".
        orientation: the EXIF orientation that was undone, 1-8; invalid values count as 1.
    """

    rgb: RgbImage
    format: str
    orientation: int

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.rgb.shape[1], self.rgb.shape[0])


def decode(data: bytes, limits: DecodeLimits | None = None) -> DecodedImage:
    """Decodes an upload; of an animation or a multi-page file the first frame.

    Sizes are checked from the header before any pixel is decoded. Transparent pixels are
    laid over white, 16-bit samples are scaled to 8 bit, CMYK and palettes become RGB.

    Raises:
        ImageTooLargeError: more bytes or pixels than `limits` allow.
        UnsupportedImageError: not an image, or of a format that is not accepted.
        UndecodableImageError: an accepted format with broken contents.
    """
    limits = limits or DecodeLimits()
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(f"the file has {len(data)} bytes, the limit is {limits.max_bytes}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken metadata that we do not use
        image = _open(data)
        with image:
            _check_size(image, limits)
            orientation = _orientation(image)
            rgb = _pixels(image, data)
            # Pillow turns some formats itself while loading, and then forgets the tag.
            upright = _turn_upright(rgb, _orientation(image))
    name = "JPEG" if image.format == "MPO" else str(image.format)
    return DecodedImage(np.ascontiguousarray(upright), name, orientation)


def cut_face_crop(
    image_rgb: RgbImage, box: BoundingBox, landmarks: Sequence[Point] = ()
) -> RgbImage:
    """Cuts the face crop that age and gender models see.

    Follows `geometry.face_crop_transform`: square, upright, edges replicated, an area filter
    when shrinking.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8, RGB.
        box: the face, pixels of the image.
        landmarks: 468 or 478 mesh points, or two eye centres (subject's right eye first), or
            none for an unturned crop; pixels of the image.

    Returns:
        shape `(224, 224, 3)`, uint8, RGB.
    """
    transform = face_crop_transform(box, landmarks)
    size = FACE_CROP_SIZE
    corners = [transform.apply(Point(x, y)) for x in (0, size) for y in (0, size)]
    left = math.floor(min(corner.x for corner in corners)) - 2
    top = math.floor(min(corner.y for corner in corners)) - 2
    right = math.ceil(max(corner.x for corner in corners)) + 2
    bottom = math.ceil(max(corner.y for corner in corners)) + 2
    patch = Image.fromarray(_replicated_patch(image_rgb, left, top, right, bottom))

    scale = math.hypot(transform.a, transform.d)
    zoom_x = zoom_y = 1.0
    if scale > 1:
        small = (max(1, round(patch.width / scale)), max(1, round(patch.height / scale)))
        zoom_x, zoom_y = small[0] / patch.width, small[1] / patch.height
        patch = patch.resize(small, Image.Resampling.BOX)
    crop = patch.transform(
        (size, size),
        Image.Transform.AFFINE,
        (
            transform.a * zoom_x,
            transform.b * zoom_x,
            (transform.c - left) * zoom_x,
            transform.d * zoom_y,
            transform.e * zoom_y,
            (transform.f - top) * zoom_y,
        ),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(crop)


def _replicated_patch(image: RgbImage, left: int, top: int, right: int, bottom: int) -> RgbImage:
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if inside.shape[:2] == (len(rows), len(columns)):
        return np.ascontiguousarray(inside)
    return inside[np.ix_(rows - rows[0], columns - columns[0])]


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
    except UnidentifiedImageError as error:
        raise UnsupportedImageError(
            "not an image of an accepted format (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF)"
        ) from error
    except Exception as error:
        raise UndecodableImageError(f"the image header is broken: {error}") from error


def _check_size(image: Image.Image, limits: DecodeLimits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise UndecodableImageError("the image has no pixels")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"the image has {width} x {height} pixels, the limit is {limits.max_pixels} pixels "
            f"and {limits.max_side} a side"
        )


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8. HEIF and AVIF are turned by their own transforms: always 1."""
    if image.format in ("HEIF", "AVIF"):
        return 1
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF is no reason to refuse the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _pixels(image: Image.Image, data: bytes) -> RgbImage:
    if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
        try:
            rgb: RgbImage = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)
            return rgb
        except ValueError:
            pass  # Pillow says more precisely what is wrong, or copes with it
    try:
        image.seek(0)
        image.load()
        return np.asarray(_to_rgb(image))
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableImageError(f"the image data is broken: {error}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit samples, as uint16 or as int32; integers keep a large scan in little memory.
        samples = np.asarray(image)
        if samples.dtype.itemsize > 2:
            samples = np.clip(samples, 0, 65535).astype(np.uint16)
        return Image.fromarray((samples // 257).astype(np.uint8)).convert("RGB")
    if image.mode.startswith("F"):
        values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0)
        values *= 255.0 / max(1.0, float(values.max(initial=0)))
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _turn_upright(rgb: RgbImage, orientation: int) -> RgbImage:
    if orientation == 1:
        return rgb
    image = Image.fromarray(rgb)
    image.getexif()[_EXIF_ORIENTATION] = orientation
    return np.asarray(ImageOps.exif_transpose(image))
