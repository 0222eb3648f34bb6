"""Which way a head is turned, from the landmarks of its face. Pure.

A rigid model of a face is laid on the landmarks as a camera far away would see it (weak
perspective): the affine map that fits best, and the rotation nearest to it.
"""

from __future__ import annotations

import math

import numpy as np

from facepipe.domain.analysis import HeadPose
from landmark_service.faces import FloatArray

# Points of MediaPipe's canonical face model that no expression moves, in centimetres: x to the
# right of the picture, y up, z towards the camera. By their index in the mesh.
# Source: mediapipe/modules/face_geometry/data/canonical_face_model.obj
_RIGID = {
    6: (0.0, 2.473255, 5.788627),
    10: (0.0, 8.261778, 4.481535),
    33: (-4.445859, 2.663991, 3.173422),
    93: (-7.542244, -1.049282, -2.431321),
    109: (-1.891399, 8.236377, 4.274997),
    127: (-7.743095, 2.364999, -2.005167),
    129: (-1.785794, -0.978284, 4.850470),
    133: (-1.856432, 2.585245, 3.757904),
    168: (0.0, 3.271027, 5.236015),
    234: (-7.664182, 0.673132, -2.435867),
    263: (4.445859, 2.663991, 3.173422),
    323: (7.542244, -1.049282, -2.431321),
    338: (1.891399, 8.236377, 4.274997),
    356: (7.743095, 2.364999, -2.005167),
    358: (1.785794, -0.978284, 4.850470),
    362: (1.856432, 2.585245, 3.757904),
    4: (0.0, -0.463170, 7.586580),
    454: (7.664182, 0.673132, -2.435867),
}
_INDICES = list(_RIGID)
# As a camera counts: y down, z away from it.
_MODEL = np.array(list(_RIGID.values())) * (1.0, -1.0, -1.0)
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
