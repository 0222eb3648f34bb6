"""From samples of any kind to upright RGB of 8 bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from facepipe.domain.errors import UndecodableImageError
from facepipe.domain.geometry import ImageSize
from facepipe.files.imaging import RgbImage

EXIF_ORIENTATION = 0x0112


def rgb_of_image(image: Image.Image) -> RgbImage:
    """Of a loaded image; what is transparent is laid over white."""
    if image.mode.startswith(("I", "F")):
        return rgb_of_samples(np.asarray(image))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return np.asarray(Image.alpha_composite(paper, layer).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def rgb_of_samples(samples: npt.NDArray[Any], bits: int = 16) -> RgbImage:
    """Of an array `(height, width)` or `(height, width, channels)`.

    One channel is grey, two are grey and alpha, three RGB, of more the fourth is alpha.

    Args:
        samples: unsigned integers, integers or floating point.
        bits: how many of an integer wider than 8 bit are in use.
    """
    eight = _eight_bit(samples, bits)
    if eight.ndim == 2:
        eight = eight[..., None]
    if eight.ndim != 3 or eight.shape[2] == 0:
        raise UndecodableImageError(f"the image has samples of the shape {samples.shape}")
    channels = eight.shape[2]
    if channels == 1:
        return np.repeat(eight, 3, axis=2)
    mode = {2: "LA", 3: "RGB"}.get(channels, "RGBA")
    return rgb_of_image(Image.fromarray(np.ascontiguousarray(eight[..., : len(mode)]), mode))


def size_of(rgb: RgbImage) -> ImageSize:
    return ImageSize(rgb.shape[1], rgb.shape[0])


def reduced(rgb: RgbImage, reduction: int) -> RgbImage:
    """Each pixel the mean of `reduction` times `reduction` of them."""
    return rgb if reduction == 1 else np.asarray(Image.fromarray(rgb).reduce(reduction))


def turned_upright(rgb: RgbImage, orientation: int) -> RgbImage:
    """Undoes an EXIF orientation, 1-8."""
    if orientation == 1:
        return rgb
    image = Image.fromarray(rgb)
    image.getexif()[EXIF_ORIENTATION] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def _eight_bit(samples: npt.NDArray[Any], bits: int) -> RgbImage:
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(samples.dtype, np.floating):
        values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        values *= 255.0 / max(1.0, float(values.max(initial=0)))
        return np.clip(values, 0, 255).astype(np.uint8)
    if samples.dtype == np.uint8:
        return samples
    # Integers keep a large scan in little memory.
    most = 2**bits - 1
    if samples.dtype.itemsize > 2 or samples.dtype.kind == "i":
        samples = np.clip(samples, 0, most).astype(np.uint16)
    scaled: RgbImage = (samples // (most // 255)).clip(0, 255).astype(np.uint8)
    return scaled
