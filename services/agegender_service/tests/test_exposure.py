from __future__ import annotations

import numpy as np
import pytest

from agegender_service.exposure import Exposure, FaceCrop, exposure_of
from facepipe.domain.geometry import BoundingBox, Point

# The crop is the image: its longer side is 1.4 times that of the box.
BOX = BoundingBox(32, 32, 192, 192)
IRISES, CHEEKS = {468: (76, 84), 473: (148, 84)}, {50: (70, 140), 280: (154, 140)}


def face(skin: tuple[int, int, int], iris: tuple[int, int, int]) -> FaceCrop:
    """A crop of one colour with two irises in it, and a shade over it as light makes it."""
    crop = np.full((224, 224, 3), skin, np.uint8)
    for x, y in IRISES.values():
        crop[y - 6 : y + 7, x - 6 : x + 7] = iris
    crop[:, :112] = crop[:, :112] // 2
    return crop


def measured(crop: FaceCrop) -> Exposure:
    mesh = [Point(112, 150)] * 478
    for index, (x, y) in (IRISES | CHEEKS).items():
        mesh[index] = Point(x, y)
    for index, at in {33: 60, 133: 92, 362: 132, 263: 164}.items():  # the corners of the eyes
        mesh[index] = Point(at, 84)
    return exposure_of(crop, BOX, mesh)


@pytest.mark.parametrize(
    "skin", [(224, 180, 150), (90, 60, 45), (150, 150, 150)], ids=["light", "dark", "grey"]
)
def test_a_negative_is_told_by_irises_lighter_than_the_cheeks(skin: tuple[int, int, int]) -> None:
    positive = face(skin, (30, 20, 15))

    assert not measured(positive).is_negative
    assert measured(255 - positive).is_negative


def test_light_eyes_alone_are_no_negative() -> None:
    assert not measured(face((120, 80, 60), (130, 140, 150))).is_negative


def test_without_irises_nothing_is_said_of_negatives() -> None:
    crop = 255 - face((224, 180, 150), (30, 20, 15))

    assert not exposure_of(crop, BOX, []).is_negative


def test_what_is_white_is_counted_in_the_inner_part() -> None:
    crop = np.full((224, 224, 3), 100, np.uint8)
    crop[:112] = 255

    exposure = exposure_of(crop, BOX, [])

    assert exposure.white == pytest.approx(0.5)
    assert exposure.brightness == pytest.approx(177.5, abs=0.1)
    assert exposure.contrast == pytest.approx(77.5, abs=0.1)
