"""Draws faces into an image: boxes, the contours of their landmarks, labels."""

from __future__ import annotations

from collections.abc import Sequence
from math import dist

import numpy as np
import simplejpeg
from PIL import Image, ImageDraw

from facepipe.domain.analysis import Face
from facepipe.domain.contours import IRISES, LINES, POINTS
from facepipe.domain.geometry import ImageSize
from facepipe.files.annotation.labels import Rgb, colors_of
from facepipe.files.annotation.placing import (
    Label,
    Labels,
    Rect,
    font,
    highest,
    layout,
    legend,
    padding,
)
from facepipe.files.imaging import RgbImage

# Thickness of a box, of the face's height.
BOX_SHARE = 0.02
# Contours would hide the faces of which they are.
MIN_CONTOURS_PX = 60
_LINE = Rgb(120, 255, 220)
_HALO = Rgb(0, 0, 0)
_GROUND = Rgb(244, 246, 248)


def annotate(image_rgb: RgbImage, faces: Sequence[Face], labels: Labels = Labels.FULL) -> RgbImage:
    """A copy of the image with its faces marked; of a padded one the image itself.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8, RGB, upright; or `(height, width, 4)`, padded.
        faces: in pixels of that image.
        labels: what stands beside each.

    Returns:
        of the same shape; every label lies inside the image.
    """
    size = ImageSize(image_rgb.shape[1], image_rgb.shape[0])
    pixels, canvas = _canvas(image_rgb)
    draw = ImageDraw.Draw(canvas)
    for face in faces:
        if max(face.box.to_bounding_box().size) >= MIN_CONTOURS_PX:
            _draw_contours(draw, face)
    most = max(2, round(min(size) * 0.003))
    for face in faces:
        high = face.box.y2 - face.box.y1
        _draw_box(draw, face, min(most, max(1, round(BOX_SHARE * high))))
    placed = [] if labels is Labels.NONE else layout(size, faces, labels)
    for face, label in zip(faces, placed, strict=bool(placed)):
        if label is not None:
            _draw_label(draw, face, label)
    return np.asarray(canvas) if pixels is None else pixels


def with_legend(picture: RgbImage, faces: Sequence[Face]) -> RgbImage:
    """The picture, and under it what each number means."""
    shown = Image.fromarray(picture[..., :3])
    high, labels = legend(shown.width, faces)
    if not labels:
        return picture
    canvas = Image.new("RGB", (shown.width, shown.height + high), _GROUND)
    canvas.paste(shown)
    draw = ImageDraw.Draw(canvas)
    for face, label in zip(faces, labels, strict=True):
        left, top, right, bottom = label.place
        moved = Rect(left, top + shown.height, right, bottom + shown.height)
        _draw_label(draw, face, label._replace(place=moved))
    return np.asarray(canvas)


def encode_jpeg(image_rgb: RgbImage, quality: int) -> bytes:
    """A baseline JPEG of nothing but the pixels: no EXIF, no comment."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image_rgb),
        quality=quality,
        colorspace="RGBX" if _is_padded(image_rgb) else "RGB",
        colorsubsampling="444",
    )
    return data


def _is_padded(image: RgbImage) -> bool:
    channels: int = image.shape[2]
    return channels == 4


def _canvas(image: RgbImage) -> tuple[RgbImage | None, Image.Image]:
    """What to draw on, and the pixels that are drawn on, where they are those of an array."""
    if not _is_padded(image):
        return None, Image.fromarray(image)
    pixels = np.require(image, requirements=["C", "W"])
    size = (pixels.shape[1], pixels.shape[0])
    canvas = Image.frombuffer("RGBX", size, pixels, "raw", "RGBX", 0, 1)
    canvas.readonly = 0  # Pillow takes it that a buffer is not ours
    return pixels, canvas


def _draw_contours(draw: ImageDraw.ImageDraw, face: Face) -> None:
    points = [(point.x, point.y) for point in face.landmarks]
    if len(points) != POINTS:
        return
    width = max(1, round(max(face.box.to_bounding_box().size) / 180))
    for line in LINES:
        draw.line([points[n] for n in (*line, line[0])], fill=_LINE, width=width, joint="curve")
    for center, edge in IRISES:
        draw.circle(points[center], dist(points[center], points[edge]), outline=_LINE, width=width)


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
    shown, margin = font(label.capital_px), padding(label.capital_px)
    ink = shown.getbbox(label.text, anchor="ls")
    baseline = top + margin - highest(label.capital_px)
    draw.text(
        (left + margin - ink[0], baseline), label.text, fill=colors.text, font=shown, anchor="ls"
    )
