from __future__ import annotations

import math

import numpy as np
import pytest

from agegender_service.proportions import stretch, yaw_degrees
from facepipe.domain.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Point
from facepipe.domain.head_model import RIGID_POINTS


def head(yaw: float, roll: float = 0.0) -> list[Point]:
    """A mesh of which only eye corners and nose tip are set: turned, then tilted, in degrees."""
    corners = {
        RIGHT_EYE_CORNERS[0]: (-45.0, 0.0),
        RIGHT_EYE_CORNERS[1]: (-18.0, 0.0),
        LEFT_EYE_CORNERS[0]: (18.0, 0.0),
        LEFT_EYE_CORNERS[1]: (45.0, 0.0),
        4: (0.0, 43.2),
    }
    turn, tilt = math.radians(yaw), math.radians(roll)
    mesh = [Point(0, 0)] * 478
    for index, (x, depth) in corners.items():
        along = x * math.cos(turn) + depth * math.sin(turn)
        down = 30.0 if index == 4 else 0.0
        mesh[index] = Point(
            200 + along * math.cos(tilt) - down * math.sin(tilt),
            100 + along * math.sin(tilt) + down * math.cos(tilt),
        )
    return mesh


class TestYaw:
    @pytest.mark.parametrize("roll", [0, 30, -90, 180])
    @pytest.mark.parametrize("yaw", [-60, -20, 0, 20, 60])
    def test_is_found_whatever_the_roll(self, yaw: float, roll: float) -> None:
        assert yaw_degrees(head(yaw, roll)) == pytest.approx(yaw, abs=0.5)

    def test_needs_a_mesh(self) -> None:
        assert yaw_degrees([]) is None
        assert yaw_degrees([Point(0, 0), Point(10, 0)]) is None


def picture(yaw: float, pitch: float, roll: float, wide: float = 1.0) -> list[Point]:
    """A mesh of which the rigid points are set: a turned head, far away, in a widened picture."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    points = np.array(list(RIGID_POINTS.values())) @ (about_z @ about_y @ about_x).T
    mesh = [Point(0, 0)] * 478
    for index, (x, up, _) in zip(RIGID_POINTS, points, strict=True):
        mesh[index] = Point(200 + 10 * wide * x, 200 - 10 * up)
    return mesh


class TestStretch:
    @pytest.mark.parametrize("turned", [(0, 0, 0), (40, 0, 0), (0, 25, 0), (-30, -20, 45)])
    def test_no_turn_of_a_head_looks_stretched(self, turned: tuple[float, float, float]) -> None:
        assert stretch(picture(*turned)) == pytest.approx(1.0, abs=1e-6)

    @pytest.mark.parametrize("wide", [0.5, 2.0])
    @pytest.mark.parametrize("roll", [0, 90])
    def test_a_stretched_picture_does_whichever_way(self, wide: float, roll: float) -> None:
        assert stretch(picture(10, 5, roll, wide)) == pytest.approx(2.0, abs=0.05)

    def test_needs_a_mesh(self) -> None:
        assert stretch([]) is None
