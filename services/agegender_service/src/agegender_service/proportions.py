"""How a head is turned, and whether its picture is stretched, from landmarks. Needs numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facepipe.domain.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Point, roll_angle
from facepipe.domain.head_model import RIGID_POINTS

_NOSE_TIP = 4
# How far the nose tip stands before the line of the outer eye corners, as a share of their
# distance. An average of adult heads; enough to tell a turned head from a level one.
_NOSE_DEPTH = 0.48
_MESHES = (468, 478)

_MODEL = np.array(list(RIGID_POINTS.values()))
_FIT = np.linalg.pinv(_MODEL - _MODEL.mean(axis=0))


def yaw_degrees(landmarks: Sequence[Point]) -> float | None:
    """How far a head is turned to a side, from how far the nose is off the eyes' middle.

    Right to about 10 degrees up to a half profile; the sign is that of the nose's way in the
    upright image. None without a mesh of 468 or 478 points.
    """
    if len(landmarks) not in _MESHES:
        return None
    roll = roll_angle(landmarks)
    cos, sin = math.cos(roll), math.sin(roll)

    def along_eye_line(index: int) -> float:
        return landmarks[index].x * cos + landmarks[index].y * sin

    right, left = along_eye_line(RIGHT_EYE_CORNERS[0]), along_eye_line(LEFT_EYE_CORNERS[1])
    offset = along_eye_line(_NOSE_TIP) - (right + left) / 2
    return math.degrees(math.atan2(offset, _NOSE_DEPTH * max(left - right, 1e-6)))


def stretch(landmarks: Sequence[Point]) -> float | None:
    """How much longer a picture is in one direction than in the other, against how heads are.

    A camera sees a rigid head, however turned, alike in both directions of the picture: the best
    affine map from the model to the landmarks has two equal singular values. Their ratio is 1.0
    to 1.2 on photographs. None without a mesh of 468 or 478 points.
    """
    if len(landmarks) not in _MESHES:
        return None
    points = np.array([landmarks[index] for index in RIGID_POINTS], np.float64)
    affine = (_FIT @ (points - points.mean(axis=0))).T
    longer, shorter = np.linalg.svd(affine, compute_uv=False)
    return float(longer / max(shorter, 1e-6))
