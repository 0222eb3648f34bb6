from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.domain.geometry import (
    FACE_CROP_MARGIN,
    FACE_CROP_SIZE,
    AffineTransform,
    BoundingBox,
    ImageSize,
    Point,
    eye_centers,
    face_crop_transform,
    roll_angle,
)

edges = st.integers(-500, 5000)
sides = st.integers(1, 3000)
boxes = st.builds(lambda x, y, w, h: BoundingBox(x, y, x + w, y + h), edges, edges, sides, sides)
angles = st.floats(-math.pi + 0.01, math.pi - 0.01)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_zero_and_one(one: BoundingBox, other: BoundingBox) -> None:
    assert one.iou(other) == other.iou(one)
    assert 0 <= one.iou(other) <= 1
    assert one.iou(one) == 1


@pytest.mark.parametrize("corners", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 5, 5, 9)])
def test_a_box_without_an_area_is_no_box(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        BoundingBox(*corners)


def test_enclosing_rounds_and_clips_to_the_image() -> None:
    box = BoundingBox.enclosing(-3.2, 4.6, 120.0, 9.4, ImageSize(100, 50))

    assert box is not None
    assert box.xyxy == (0, 5, 100, 9)


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((10, 10, 11, 20), (10, 10, 11, 20)),  # a pixel wide
        ((10, 10, 20, 11), (10, 10, 20, 11)),
        ((99, 49, 130, 70), (99, 49, 100, 50)),  # the last pixel
        ((100, 10, 130, 20), None),  # beside the image
        ((10, 50, 20, 70), None),
        ((101, 10, 130, 20), None),
        ((10, 51, 20, 70), None),
        ((-9, 10, 0.4, 20), None),
        ((10, -9, 20, 0.4), None),
        ((10.1, 10, 10.4, 20), None),  # less than a pixel
        ((10, 10.1, 20, 10.4), None),
    ],
)
def test_a_box_has_a_pixel_in_the_image_or_is_none(
    corners: tuple[float, float, float, float], expected: tuple[int, int, int, int] | None
) -> None:
    box = BoundingBox.enclosing(*corners, ImageSize(100, 50))

    assert (box and box.xyxy) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 4, 2), 1),
        ((2, 0, 6, 2), 1 / 3),
        ((0, 1, 4, 3), 1 / 3),
        ((3, 0, 4, 1), 1 / 8),
        ((3, 1, 7, 3), 1 / 15),  # one pixel in common
        ((4, 0, 8, 2), 0),  # side by side
        ((0, 2, 4, 4), 0),
        ((9, 9, 10, 10), 0),
    ],
)
def test_iou_is_the_shared_part_of_both(other: tuple[int, int, int, int], expected: float) -> None:
    assert BoundingBox(0, 0, 4, 2).iou(BoundingBox(*other)) == pytest.approx(expected)


def test_a_transform_maps_both_axes() -> None:
    transform = AffineTransform(1, 2, 3, 4, 5, 6)

    assert transform.apply(Point(10, 100)) == (213, 546)


@given(boxes, angles)
def test_a_turned_crop_is_centred_as_well(box: BoundingBox, roll: float) -> None:
    eyes = Point(0, 0), Point(math.cos(roll), math.sin(roll))

    transform = face_crop_transform(box, eyes)

    middle = transform.apply(Point(FACE_CROP_SIZE / 2, FACE_CROP_SIZE / 2))
    assert middle == pytest.approx(box.center)


@given(boxes)
def test_an_unturned_crop_is_centred_and_as_wide_as_the_margin_says(box: BoundingBox) -> None:
    transform = face_crop_transform(box)

    left, right = transform.apply(Point(0, 0)), transform.apply(Point(FACE_CROP_SIZE, 0))
    assert right.x - left.x == pytest.approx(FACE_CROP_MARGIN * max(box.size))
    middle = transform.apply(Point(FACE_CROP_SIZE / 2, FACE_CROP_SIZE / 2))
    assert middle == pytest.approx(box.center)


def test_a_crop_reaches_a_fifth_of_the_longer_side_beyond_the_box() -> None:
    # The weights that ship were trained on crops of this size.
    transform = face_crop_transform(BoundingBox(100, 200, 200, 260))

    assert transform.apply(Point(0, 0)) == pytest.approx(Point(80, 160))
    assert transform.apply(Point(224, 224)) == pytest.approx(Point(220, 300))


@given(boxes, angles)
def test_the_eye_line_is_level_in_the_crop(box: BoundingBox, roll: float) -> None:
    # Given eyes on a line through the middle of the box, turned by some angle
    reach = 0.2 * max(box.size)
    offset = Point(reach * math.cos(roll), reach * math.sin(roll))
    center = box.center
    eyes = (
        Point(center.x - offset.x, center.y - offset.y),
        Point(center.x + offset.x, center.y + offset.y),
    )

    transform = face_crop_transform(box, eyes)

    # Then a step to the right in the crop is a step along that line in the image
    origin, step = transform.apply(Point(0, 0)), transform.apply(Point(1, 0))
    direction = math.atan2(step.y - origin.y, step.x - origin.x)
    assert math.cos(direction - roll) == pytest.approx(1)
    assert roll_angle(eyes) == pytest.approx(roll)


def test_the_eyes_of_a_mesh_are_the_middles_of_their_corners() -> None:
    mesh = [Point(0, 0)] * 478
    mesh[33], mesh[133] = Point(10, 10), Point(20, 12)
    mesh[362], mesh[263] = Point(40, 10), Point(50, 14)

    assert eye_centers(mesh) == (Point(15, 11), Point(45, 12))


def test_other_numbers_of_points_have_no_eye_line() -> None:
    for number in (0, 1, 5, 467, 469, 477, 479):
        assert eye_centers([Point(0, 0)] * number) is None
    assert eye_centers([Point(0, 0)] * 468) is not None
    assert roll_angle([]) == 0
