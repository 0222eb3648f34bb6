"""Which way a head is turned, from the landmarks of its face. Pure.

A rigid model of a face is laid on the landmarks as a camera far away would see it (weak
perspective): the affine map that fits best, and the rotation nearest to it.
"""

from __future__ import annotations

import math

import numpy as np

from facepipe.domain.analysis import HeadPose
from facepipe.domain.head_model import RIGID_POINTS
from landmark_service.faces import FloatArray

_INDICES = list(RIGID_POINTS)
# As a camera counts: y down, z away from it.
_MODEL = np.array(list(RIGID_POINTS.values())) * (1.0, -1.0, -1.0)
_CENTRED = _MODEL - _MODEL.mean(axis=0)
_FIT = np.linalg.pinv(_CENTRED)


def head_pose(mesh: FloatArray) -> HeadPose:
    """The pose of the head to which a mesh belongs.

    The rotation is roll in the plane of the picture, after yaw, after pitch: a photograph that
    is turned changes the roll and nothing else.

    Args:
        mesh: shape `(478, 2)`, pixels of the image.
    """
    points = mesh[_INDICES].astype(np.float64)
    affine = (_FIT @ (points - points.mean(axis=0))).T
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    first, second = left @ right
    third = np.cross(first, second)
    return HeadPose(
        yaw=math.degrees(math.atan2(third[0], math.hypot(third[1], third[2]))),
        pitch=-math.degrees(math.atan2(third[1], third[2])),
        roll=math.degrees(math.atan2(second[0], first[0])),
    )
