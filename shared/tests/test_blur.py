from __future__ import annotations

import io

import numpy as np
from PIL import Image

from facepipe.domain.analysis import Box, Face
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.annotation.blur import MARGIN, TILES, blur_faces
from facepipe.files.imaging import RgbImage
from tests.support import store_samples as samples


def face(x1: int, y1: int, x2: int, y2: int) -> Face:
    return Face(
        face_index=0,
        box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
        confidence=0.9,
        landmarks=samples.landmarks().faces[0].landmarks,
        agegender=samples.estimate(),
    )


def detail(image_rgb: RgbImage) -> float:
    """How much neighbouring pixels differ, on average."""
    return float(np.abs(np.diff(image_rgb.astype(int), axis=1)).mean())


def test_a_face_is_a_few_tiles_and_the_rest_is_as_it_was() -> None:
    # given an image full of detail, with one face
    image = samples.pixels(1, 400, 300)
    one = face(100, 80, 180, 180)

    # when the face is blurred
    blurred = blur_faces(image, [one])

    # then a few colours are left of it, also a little beyond its box
    slack = round(MARGIN * 100)
    tiles = blurred[80 - slack : 180 + slack, 100 - slack : 180 + slack]
    assert len(np.unique(tiles.reshape(-1, 3), axis=0)) <= TILES**2

    # and nothing else has changed
    rest = np.ones(image.shape[:2], bool)
    rest[80 - slack : 180 + slack, 100 - slack : 180 + slack] = False
    assert (blurred[rest] == image[rest]).all()


def test_a_face_at_the_edge_or_of_one_pixel_is_blurred_too() -> None:
    image = samples.pixels(2, 60, 40)

    blurred = blur_faces(image, [face(0, 0, 30, 40), face(59, 39, 60, 40)])

    assert blurred.shape == image.shape
    assert detail(blurred[:, :30]) < 0.3 * detail(image[:, :30])


def test_the_annotated_image_shows_no_detail_of_a_face_and_no_landmark() -> None:
    image = samples.pixels(3, 800, 600)
    one = face(200, 200, 500, 500)

    jpeg = AnnotationStyle(jpeg_quality=95, blur_faces=True).draw(image, [one])
    plain = AnnotationStyle(jpeg_quality=95).draw(image, [one])

    inside = np.s_[220:480, 220:480]
    shown, sharp = (np.asarray(Image.open(io.BytesIO(data)))[inside] for data in (jpeg, plain))
    assert detail(shown) < 0.1 * detail(sharp)
