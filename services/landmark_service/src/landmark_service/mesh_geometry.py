"""Geometry of MediaPipe's face mesh: where to look for it, and whether it can be true. Pure.

Meshes have the shape `(478, 2)`, float32, in pixels of the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facepipe.domain.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, BoundingBox
from landmark_service.faces import FloatArray

# MediaPipe looks at half as much again as a face measures.
REGION_MARGIN = 1.5
# The box of a face turned by 45 degrees is up to 1.4 times as long as the face.
TIGHT_MARGIN = 1.05
_MESH = 468  # points of the mesh; the iris points come after them
_LIPS = (13, 14)


@dataclass(frozen=True, slots=True)
class Region:
    """A turned square in which a face is looked for.

    Attributes:
        x: of its centre, pixels of the image.
        y: of its centre.
        side: pixels.
        roll: radians, clockwise.
    """

    x: float
    y: float
    side: float
    roll: float


def region_of_box(box: BoundingBox, roll: float, margin: float = REGION_MARGIN) -> Region:
    """The region around a box; its side is `margin` times the longer side of the box."""
    return Region(*box.center, side=margin * max(box.size), roll=roll)


def region_of_mesh(mesh: FloatArray) -> Region:
    """The region around a mesh that was found, turned by its eye line."""
    roll = mesh_roll(mesh)
    turned = _turned(mesh[:_MESH], roll)
    low, high = turned.min(axis=0), turned.max(axis=0)
    center = _turned(((low + high) / 2)[None], -roll)[0]
    side = REGION_MARGIN * float((high - low).max())
    return Region(float(center[0]), float(center[1]), side, roll)


def mesh_roll(mesh: FloatArray) -> float:
    """Roll of the eye line, radians, clockwise."""
    right, left = _eyes(mesh)
    return math.atan2(left[1] - right[1], left[0] - right[0])


def inter_ocular_distance(mesh: FloatArray) -> float:
    """Distance of the eye centres, pixels."""
    right, left = _eyes(mesh)
    return math.hypot(left[0] - right[0], left[1] - right[1])


def displacement(first: FloatArray, second: FloatArray) -> float:
    """Mean distance of the points of two meshes, as a share of the size of the second.

    The size is 0.4 of its longer side, about the inter-ocular distance of a frontal face.
    """
    moved = float(np.linalg.norm(second - first, axis=1).mean())
    return moved / max(0.4 * float(np.ptp(second[:_MESH], axis=0).max()), 1e-6)


def implausibility(mesh: FloatArray, box: BoundingBox) -> str | None:
    """Why a mesh cannot be that of the face in a box; None if it can.

    The bounds are generous: boxes may be tight or loose, a face may be seen from the side
    (eyes close to each other), and the box of a turned face is up to 1.4 times as large.
    """
    if not np.isfinite(mesh).all():
        return "the landmarks are not finite"
    longer = max(box.size)
    low, high = mesh[:_MESH].min(axis=0), mesh[:_MESH].max(axis=0)
    size = float((high - low).max())
    if not 0.4 * longer <= size <= 1.8 * longer:
        return f"the landmarks span {size / longer:.2f} of the box"
    middle = (low + high) / 2
    if math.dist(middle, box.center) > 0.4 * longer:
        return "the landmarks lie beside the box"
    distance = inter_ocular_distance(mesh)
    if not 0.03 * longer <= distance <= 0.8 * longer:
        return f"the eyes are {distance / longer:.2f} of the box apart"
    turned = _turned(mesh, mesh_roll(mesh))
    eyes_y = float(turned[[*RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS], 1].mean())
    mouth_y = float(turned[list(_LIPS), 1].mean())
    if mouth_y - eyes_y < 0.1 * size:
        return "the mouth is not below the eyes"
    return None


def _eyes(mesh: FloatArray) -> tuple[FloatArray, FloatArray]:
    right: FloatArray = mesh[list(RIGHT_EYE_CORNERS)].mean(axis=0)
    left: FloatArray = mesh[list(LEFT_EYE_CORNERS)].mean(axis=0)
    return right, left


def _turned(points: FloatArray, roll: float) -> FloatArray:
    """Points in a frame in which a face of this roll is upright."""
    cos, sin = math.cos(roll), math.sin(roll)
    return points @ np.array([[cos, -sin], [sin, cos]], np.float32)
