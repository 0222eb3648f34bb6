from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepipe.domain.analysis import PartError
from facepipe.domain.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, BoundingBox
from landmark_service.faces import FloatArray, Mesh
from landmark_service.mesh_geometry import (
    Region,
    displacement,
    implausibility,
    inter_ocular_distance,
    mesh_roll,
    region_of_mesh,
)
from landmark_service.mesh_search import Fit, find_mesh, trust
from landmark_service.roll import turn_between

BOX = BoundingBox(100, 100, 200, 220)


def mesh(roll: float = 0.0, size: float = 100.0, x: float = 150.0, y: float = 160.0) -> FloatArray:
    """478 points of a schematic face: an oval, two eyes, a mouth."""
    angles = np.linspace(0, math.tau, 478)
    points = np.stack([0.38 * np.cos(angles), 0.5 * np.sin(angles)], axis=1)
    points[list(RIGHT_EYE_CORNERS)] = [(-0.26, -0.1), (-0.1, -0.1)]
    points[list(LEFT_EYE_CORNERS)] = [(0.1, -0.1), (0.26, -0.1)]
    points[[13, 14]] = [(0, 0.24), (0, 0.26)]
    cos, sin = math.cos(roll), math.sin(roll)
    turned: FloatArray = (points @ np.array([[cos, sin], [-sin, cos]]) * size).astype(np.float32)
    return turned + np.array([x, y], np.float32)


class FakeFace:
    """Sees a face that stands at `roll`; at other rolls it sees what drifts about."""

    def __init__(self, roll: float) -> None:
        self.roll = roll
        self.tries = 0

    def __call__(self, region: Region) -> Fit | None:
        self.tries += 1
        off = math.remainder(self.roll - region.roll, math.tau)
        if abs(off) < math.radians(50):
            return Fit(mesh(self.roll - 0.1 * off), 1.0 - 1e-7 * abs(off))
        drift = 12.0 * (self.tries % 2)
        return Fit(mesh(region.roll + 0.3, x=150 + drift), 0.999)


@settings(max_examples=60)
@given(st.floats(-math.pi, math.pi))
def test_the_roll_is_found_without_a_hint(roll: float) -> None:
    found = find_mesh(FakeFace(roll), BOX)
    assert isinstance(found, Mesh)
    assert turn_between(found.roll, roll) < math.radians(6)


def test_an_upright_face_costs_two_looks() -> None:
    face = FakeFace(0.05)
    assert isinstance(find_mesh(face, BOX), Mesh)
    assert face.tries == 2


@pytest.mark.parametrize(("roll", "expected_roll"), [(2.0, 0.0), (None, 2.0)])
def test_so_does_a_turned_one_whose_roll_is_known(roll: float | None, expected_roll: float) -> None:
    face = FakeFace(2.05)
    found = find_mesh(face, BOX, roll, expected_roll)
    assert isinstance(found, Mesh)
    assert face.tries == 2


def test_a_wrong_hint_is_found_out() -> None:
    found = find_mesh(FakeFace(2.0), BOX, roll=-1.0)
    assert isinstance(found, Mesh)
    assert turn_between(found.roll, 2.0) < math.radians(6)


def test_a_search_that_is_not_thorough_looks_at_the_guesses_alone() -> None:
    face = FakeFace(2.0)
    assert isinstance(find_mesh(face, BOX, thorough=False), PartError)
    assert face.tries == 2


@pytest.mark.parametrize(
    "fit",
    [
        pytest.param(lambda region: None, id="nothing is seen"),
        pytest.param(lambda region: Fit(mesh(size=400), 1.0), id="too large for the box"),
        pytest.param(lambda region: Fit(mesh(x=300), 1.0), id="beside the box"),
        pytest.param(lambda region: Fit(mesh() * np.nan, 1.0), id="not a number"),
        pytest.param(lambda region: Fit(mesh(region.roll + 0.5), 0.9), id="never still"),
    ],
)
def test_presence_alone_proves_nothing(fit: Callable[[Region], Fit | None]) -> None:
    found = find_mesh(fit, BOX)
    assert isinstance(found, PartError)
    assert found.code == "no_landmarks"
    assert found.message


def test_a_face_with_its_mouth_above_its_eyes_is_none() -> None:
    points = mesh()
    points[[13, 14]] = [(150, 120), (150, 122)]
    reason = implausibility(points, BOX)
    assert reason is not None
    assert "mouth" in reason


@given(st.floats(-3.1, 3.1), st.floats(40, 400))
def test_the_region_of_a_mesh_is_centred_on_it_and_turned_with_it(roll: float, size: float) -> None:
    region = region_of_mesh(mesh(roll, size))
    assert [region.x, region.y] == pytest.approx([150, 160], abs=1)
    assert region.side == pytest.approx(1.5 * size, rel=0.01)
    assert turn_between(region.roll, roll) < 1e-3


def test_measures_of_a_mesh() -> None:
    assert inter_ocular_distance(mesh(1.0)) == pytest.approx(36, rel=1e-3)
    assert mesh_roll(mesh(1.0)) == pytest.approx(1.0, abs=1e-3)
    assert displacement(mesh(), mesh()) == 0
    assert displacement(mesh(x=154), mesh()) == pytest.approx(0.1, rel=1e-3)


def test_trust_is_presence_less_movement() -> None:
    assert trust(0.5, 0.0) == pytest.approx(0.0)
    assert trust(1.0, 0.0) > trust(1.0, 0.05) > trust(0.999, 0.05)
    assert math.isfinite(trust(0.0, 0.0))
