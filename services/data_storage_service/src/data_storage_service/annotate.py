"""Draws faces into an image: boxes, landmarks as dots, labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image, ImageDraw, ImageFont

from data_storage_service.labels import Rgb, colors_of, label_texts
from facepipe.domain.analysis import Face, LandmarkPoint
from facepipe.domain.geometry import ImageSize
from facepipe.files.imaging import RgbImage

# Height of a capital letter, of the short side; the promise is 1.5 % for text that fits.
TEXT_SHARE = 0.018
MIN_TEXT_PX = 12
_SMALLEST_TEXT_PX = 6
_DOT = Rgb(120, 255, 220)
_HALO = Rgb(0, 0, 0)


class Rect(NamedTuple):
    """Pixels, max edge exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: Rect) -> int:
        """Shared area, square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, width) * max(0, height)


class Label(NamedTuple):
    """A text and where its background stands."""

    text: str
    capital_px: int
    place: Rect


def annotate(image_rgb: RgbImage, faces: Sequence[Face]) -> RgbImage:
    """A copy of the image with its faces marked.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8, RGB, upright.
        faces: in pixels of that image.

    Returns:
        of the same shape; every label lies inside the image.
    """
    size = ImageSize(image_rgb.shape[1], image_rgb.shape[0])
    marked = np.array(image_rgb)
    for face in faces:
        radius = max(1, round(max(face.box.to_bounding_box().size) / 250))
        _draw_dots(marked, face.landmarks, radius)
    canvas = Image.fromarray(marked)
    draw = ImageDraw.Draw(canvas)
    stroke = max(2, round(min(size) * 0.003))
    for face in faces:
        _draw_box(draw, face, stroke)
    for face, label in zip(faces, layout(size, faces), strict=True):
        if label is not None:
            _draw_label(draw, face, label)
    return np.asarray(canvas)


def encode_jpeg(image_rgb: RgbImage, quality: int) -> bytes:
    """A baseline JPEG of nothing but the pixels: no EXIF, no comment."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image_rgb), quality=quality, colorspace="RGB", colorsubsampling="444"
    )
    return data


def layout(size: ImageSize, faces: Sequence[Face]) -> list[Label | None]:
    """Where each face's label goes; None where not even one character fits the image.

    Above the box if there is room, else below, else inside it; of these the first that
    covers no other label.
    """
    placed: list[Rect] = []
    labels: list[Label | None] = []
    for face in faces:
        label = _fitting(size, face)
        if label is not None:
            place = _place(size, face, label.place, placed)
            placed.append(place)
            label = label._replace(place=place)
        labels.append(label)
    return labels


def text_height(size: ImageSize) -> int:
    """Height of a capital letter in pixels that labels aim at."""
    return max(MIN_TEXT_PX, -int(-min(size) * TEXT_SHARE // 1))


def _fitting(size: ImageSize, face: Face) -> Label | None:
    """The longest text that fits the image's width, smaller only where none does."""
    texts = label_texts(face.agegender)
    aim = text_height(size)
    for capital_px in (aim, *range(aim - 1, _SMALLEST_TEXT_PX - 1, -1)):
        for text in texts:
            width, height = _label_size(text, capital_px)
            if width <= size.width and height <= size.height:
                return Label(text, capital_px, Rect(0, 0, width, height))
    return None


def _place(size: ImageSize, face: Face, label: Rect, placed: Sequence[Rect]) -> Rect:
    width, height = label.right, label.bottom
    left = min(max(0, face.box.x1), size.width - width)
    tops = [face.box.y1 - height, face.box.y2, face.box.y1, face.box.y2 - height]
    possible = [
        Rect(left, top, left + width, top + height)
        for top in tops
        if 0 <= top <= size.height - height
    ] or [Rect(left, 0, left + width, height)]
    return min(possible, key=lambda place: sum(place.overlap(other) for other in placed))


def _draw_dots(image_rgb: RgbImage, points: Sequence[LandmarkPoint], radius: int) -> None:
    if not points:
        return
    height, width = image_rgb.shape[:2]
    reach = np.arange(-radius + 1, radius)
    dx, dy = (grid.ravel() for grid in np.meshgrid(reach, reach))
    inside = dx**2 + dy**2 < radius**2
    centers = np.array([(point.x, point.y) for point in points])
    columns = np.floor(centers[:, :1]).astype(np.int64) + dx[inside]
    rows = np.floor(centers[:, 1:]).astype(np.int64) + dy[inside]
    seen = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    image_rgb[rows[seen], columns[seen]] = _DOT


def _draw_box(draw: ImageDraw.ImageDraw, face: Face, stroke: int) -> None:
    """An outline in the gender's colour, edged in black so that it shows on any ground."""
    x1, y1, x2, y2 = face.box.x1, face.box.y1, face.box.x2 - 1, face.box.y2 - 1
    edge = max(1, stroke // 3)
    if x2 - x1 > 2 * edge and y2 - y1 > 2 * edge:
        draw.rectangle((x1, y1, x2, y2), outline=_HALO, width=stroke + 2 * edge)
        draw.rectangle(
            (x1 + edge, y1 + edge, x2 - edge, y2 - edge),
            outline=colors_of(face.agegender.gender).background,
            width=stroke,
        )


def _draw_label(draw: ImageDraw.ImageDraw, face: Face, label: Label) -> None:
    colors = colors_of(face.agegender.gender)
    left, top, right, bottom = label.place
    draw.rectangle((left, top, right - 1, bottom - 1), fill=colors.background)
    font, padding = _font(label.capital_px), _padding(label.capital_px)
    ink = font.getbbox(label.text, anchor="ls")
    baseline = top + padding - _highest(label.capital_px)
    draw.text(
        (left + padding - ink[0], baseline), label.text, fill=colors.text, font=font, anchor="ls"
    )


def _label_size(text: str, capital_px: int) -> tuple[int, int]:
    left, _, right, _ = _font(capital_px).getbbox(text, anchor="ls")
    bottom = _font(capital_px).getbbox("(g)", anchor="ls")[3]
    padding = _padding(capital_px)
    height = bottom - _highest(capital_px) + 2 * padding
    return int(right - left) + 2 * padding, int(height)


def _padding(capital_px: int) -> int:
    return max(1, capital_px // 4)


@lru_cache(maxsize=256)
def _highest(capital_px: int) -> int:
    """Top of the tallest character over the baseline, negative."""
    return int(_font(capital_px).getbbox("(lf)", anchor="ls")[1])


@lru_cache(maxsize=256)
def _font(capital_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font, in the size at which a capital is so many pixels high."""
    font = ImageFont.load_default(size=capital_px / 0.67)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; labels need a scalable font")
    return font
