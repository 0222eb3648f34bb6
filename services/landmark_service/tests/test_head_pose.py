"""The pose of a head: exact for a rigid face, and steady on real ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.domain.analysis import HeadPose
from facepipe.files.imaging import RgbImage
from landmark_service.head_pose import _INDICES, _MODEL, head_pose
from landmark_service.load_models import load_pipeline
from landmark_service.settings import LandmarkSettings

from .photographs import PORTRAITS, needs_portraits, read


def turned(yaw: float, pitch: float, roll: float) -> npt.NDArray[np.float64]:
    """The rotation of a head, as a camera counts: x right, y down, z away."""
    a, b, c = (math.radians(angle) for angle in (-pitch, -yaw, roll))
    about_x = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
    about_y = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    about_z = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
    rotation: npt.NDArray[np.float64] = np.array(about_z) @ np.array(about_y) @ np.array(about_x)
    return rotation


def mesh_of(rotation: npt.NDArray[np.float64], size: float) -> npt.NDArray[np.float32]:
    mesh = np.zeros((478, 2), np.float32)
    mesh[_INDICES] = (_MODEL @ rotation.T)[:, :2] * size + (640, 360)
    return mesh


@given(
    yaw=st.floats(-75, 75), pitch=st.floats(-60, 60), roll=st.floats(-179, 179),
    size=st.floats(1, 60),
)  # fmt: skip
def test_the_pose_of_a_rigid_head_is_found_whatever_its_size(
    yaw: float, pitch: float, roll: float, size: float
) -> None:
    found = head_pose(mesh_of(turned(yaw, pitch, roll), size))
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=0.05)


@pytest.mark.parametrize(
    ("rotation", "point", "direction"),
    [((30, 0, 0), 4, (1, 0)), ((0, 30, 0), 4, (0, -1)), ((0, 0, 30), 10, (1, 0))],
    ids=["yaw to the right of the picture", "pitch upwards", "roll clockwise"],
)
def test_positive_angles_move_the_nose_and_the_forehead_so(
    rotation: tuple[float, float, float], point: int, direction: tuple[int, int]
) -> None:
    moved = mesh_of(turned(*rotation), 10)[point] - mesh_of(turned(0, 0, 0), 10)[point]
    assert float(np.dot(moved, direction)) > 10


@needs_portraits
def test_a_portrait_mirrored_and_turned_changes_the_angles_that_it_should() -> None:
    # Given a portrait that looks into the camera, its mirror image, and one on its side
    upright = read(PORTRAITS[0])
    plain = pose_in(upright)
    mirrored = pose_in(np.ascontiguousarray(upright[:, ::-1]))
    on_its_side = pose_in(np.ascontiguousarray(np.rot90(upright, -1)))

    # Then it looks straight ahead, the mirror turns yaw and roll, the side only the roll
    assert max(abs(plain.yaw), abs(plain.pitch), abs(plain.roll)) < 10
    assert (mirrored.yaw, mirrored.roll) == pytest.approx((-plain.yaw, -plain.roll), abs=4)
    assert on_its_side.roll == pytest.approx(plain.roll + 90, abs=4)
    assert (on_its_side.yaw, on_its_side.pitch) == pytest.approx((plain.yaw, plain.pitch), abs=4)


def pose_in(image_rgb: RgbImage) -> HeadPose:
    pipeline = load_pipeline(LandmarkSettings())
    pose = pipeline.find_landmarks(image_rgb, pipeline.detect(image_rgb)).faces[0].pose
    assert pose is not None
    return pose
