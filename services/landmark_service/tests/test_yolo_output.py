from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import Point
from landmark_service.roll import roll_of_eyes, turn_between
from landmark_service.yolo_output import (
    MAX_CANDIDATES,
    YoloLayout,
    decode,
    layout_of,
    roll_of_points,
)


def upright_points() -> list[Point]:
    """Right eye, left eye, nose, mouth corners of an upright face, about its middle."""
    return [Point(-20, -15), Point(20, -15), Point(0, 5), Point(-14, 25), Point(14, 25)]


def turned_face(roll: float) -> np.ndarray:
    cos, sin = math.cos(roll), math.sin(roll)
    return np.array(
        [(x * cos - y * sin + 90, x * sin + y * cos + 80, 0.9) for x, y in upright_points()],
        np.float32,
    )


@pytest.mark.parametrize(
    ("metadata", "channels", "layout"),
    [
        ({"names": "{0: 'face'}"}, 5, YoloLayout(1, (0,))),
        ({}, 5, YoloLayout(1, (0,))),
        ({}, 20, YoloLayout(1, (0,), 5, 3)),
        ({"names": "{0: 'face'}", "kpt_shape": "[5, 3]"}, 20, YoloLayout(1, (0,), 5, 3)),
        ({"names": "{0: 'face'}", "kpt_shape": "[5, 2]"}, 15, YoloLayout(1, (0,), 5, 2)),
        ({"names": "{0: 'body', 1: 'Face'}"}, 6, YoloLayout(2, (1,))),
        ({"names": "{0: 'masked', 1: 'bare'}"}, 6, YoloLayout(2, (0, 1))),
    ],
)
def test_the_layout_is_read_from_the_metadata(
    metadata: dict[str, str], channels: int, layout: YoloLayout
) -> None:
    assert layout_of(metadata, channels) == layout


@pytest.mark.parametrize(
    ("metadata", "channels"),
    [({}, 4), ({"names": "{0: 'face'}"}, 84), ({"names": "no dictionary"}, 5), ({}, 300 * 0)],
)
def test_what_is_no_yolov8_is_an_error_that_says_what_to_do(
    metadata: dict[str, str], channels: int
) -> None:
    with pytest.raises(ModelError):
        layout_of(metadata, channels)


def test_centre_and_size_become_corners_and_unsure_boxes_go() -> None:
    # Given three anchors: a sure one, its double, one that is not sure
    output = np.array(
        [[50, 51, 200], [60, 60, 200], [20, 20, 30], [40, 40, 30], [0.9, 0.8, 0.2]], np.float32
    )
    # When it is decoded
    faces = decode(output, YoloLayout(1, (0,)), confidence=0.35, iou=0.5)
    # Then one face is left
    assert faces.xyxy.tolist() == [[40, 40, 60, 80]]
    assert faces.confidence.tolist() == [pytest.approx(0.9)]
    assert faces.points.shape == (1, 0, 3)


@pytest.mark.parametrize(("iou", "left"), [(0.3, 1), (0.35, 2)])
def test_boxes_that_overlap_less_than_is_set_both_stay(iou: float, left: int) -> None:
    # Given two sure boxes that share a third of what they cover together
    output = np.array([[50, 60], [60, 60], [20, 20], [40, 40], [0.9, 0.8]], np.float32)

    faces = decode(output, YoloLayout(1, (0,)), confidence=0.35, iou=iou)

    assert len(faces.xyxy) == left


def test_of_several_classes_only_faces_count() -> None:
    output = np.zeros((6, 2), np.float32)
    output[:4] = [[50, 150], [50, 50], [20, 20], [20, 20]]
    output[4:] = [[0.9, 0.1], [0.1, 0.8]]  # a body, then a face
    faces = decode(output, YoloLayout(2, (1,)), confidence=0.35, iou=0.5)
    assert faces.xyxy.tolist() == [[140, 40, 160, 60]]


def test_no_anchor_is_no_face() -> None:
    faces = decode(np.zeros((20, 0), np.float32), YoloLayout(1, (0,), 5), 0.35, 0.5)
    assert len(faces.xyxy) == len(faces.confidence) == len(faces.points) == 0


def test_a_flood_of_candidates_is_cut_to_the_surest() -> None:
    count = MAX_CANDIDATES + 500
    output = np.zeros((5, count), np.float32)
    output[0] = np.arange(count) * 20
    output[2:4] = 10
    output[4] = np.linspace(0.5, 0.9, count)
    faces = decode(output, YoloLayout(1, (0,)), confidence=0.35, iou=0.5)
    assert len(faces.xyxy) == MAX_CANDIDATES
    assert faces.confidence[0] == pytest.approx(0.9)


@given(st.floats(-math.pi, math.pi), st.booleans())
def test_the_roll_is_found_whichever_eye_comes_first(roll: float, swapped: bool) -> None:
    points = turned_face(roll)
    if swapped:
        points = points[[1, 0, 2, 4, 3]]
    found = roll_of_points(points)
    assert found is not None
    assert turn_between(found, roll) < 1e-3


def test_no_roll_without_two_eyes_that_are_seen() -> None:
    assert roll_of_points(np.zeros((0, 3), np.float32)) is None
    hidden = turned_face(0.0)
    hidden[0, 2] = 0.1
    assert roll_of_points(hidden) is None
    assert roll_of_eyes(Point(1, 1), Point(1, 1), Point(1, 5)) is None
