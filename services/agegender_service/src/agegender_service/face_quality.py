"""How good the picture of a face is, and what speaks against an estimate. Needs numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import DetectedFace, Doubt
from facepipe.domain.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Point, roll_angle

Probabilities = npt.NDArray[np.float32]
FaceCrop = npt.NDArray[np.uint8]

_NOSE_TIP = 4
# How far the nose tip stands before the line of the outer eye corners, as a share of their
# distance. An average of adult heads; enough to tell a turned head from a level one.
_NOSE_DEPTH = 0.48
# The outer eighth on each side is background or replicated edge.
_MARGIN = 28
_DARKEST, _BRIGHTEST = 35.0, 225.0


class Look(IntEnum):
    """What a joint graph says of how a face looks, in the order of its output `looks`."""

    FACE = 0
    MOUTH_COVERED = 1
    EYES_COVERED = 2
    CLEAR = 3


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What speaks for or against an estimate.

    Attributes:
        side_px: longer side of the box, in pixels of the image.
        confidence: of the detection, 0-1.
        sharpness: see `sharpness`.
        brightness: mean luma of the face, 0-255.
        has_landmarks: whether any were found.
        yaw_degrees: turn of the head to a side, 0 is frontal; None where it is not known.
        looks: probabilities by `Look`; None of a model that does not tell.
    """

    side_px: int
    confidence: float
    sharpness: float
    brightness: float
    has_landmarks: bool
    yaw_degrees: float | None
    looks: Probabilities | None = None


def quality_of(
    face: DetectedFace, crop_rgb: FaceCrop, looks: Probabilities | None = None
) -> FaceQuality:
    """Measures a face; `crop_rgb` has shape `(224, 224, 3)`, uint8."""
    landmarks = [point.to_point() for point in face.landmarks]
    luma = _luma(crop_rgb)
    return FaceQuality(
        side_px=max(face.box.to_bounding_box().size),
        confidence=face.confidence,
        sharpness=sharpness(luma),
        brightness=float(luma.mean()),
        has_landmarks=bool(landmarks),
        yaw_degrees=yaw_degrees(landmarks),
        looks=looks,
    )


def score(quality: FaceQuality, settings: AgeGenderSettings) -> float:
    """How good the picture is, 0-1: the product of what it loses by each of its defects."""
    whole = min(1.0, quality.side_px / max(1, 2 * settings.min_face_px))
    if quality.yaw_degrees is not None:
        whole *= max(0.0, math.cos(math.radians(quality.yaw_degrees)))
    if quality.looks is None:
        sharp = min(1.0, quality.sharpness / max(1e-9, 2 * settings.min_sharpness))
        return whole * quality.confidence * sharp
    face, mouth, eyes, clear = (float(np.clip(look, 0, 1)) for look in quality.looks)
    return whole * face * (1 - mouth) * (1 - eyes) * clear


def doubts_about(quality: FaceQuality, settings: AgeGenderSettings) -> list[Doubt]:
    """Why the picture of a face does not carry an estimate."""
    looks = quality.looks
    found = {
        Doubt.NOT_A_FACE: looks is not None and looks[Look.FACE] < settings.min_face_probability,
        Doubt.MOUTH_COVERED: looks is not None and looks[Look.MOUTH_COVERED] > settings.max_cover,
        Doubt.EYES_COVERED: looks is not None and looks[Look.EYES_COVERED] > settings.max_cover,
        Doubt.SMALL_FACE: quality.side_px < settings.min_face_px,
        Doubt.BLURRED: quality.sharpness < settings.min_sharpness,
        Doubt.BADLY_LIT: not _DARKEST <= quality.brightness <= _BRIGHTEST,
        Doubt.NO_LANDMARKS: not quality.has_landmarks,
        Doubt.TURNED_AWAY: abs(quality.yaw_degrees or 0.0) > settings.max_yaw_degrees,
        Doubt.LOW_CONFIDENCE: quality.confidence < settings.min_confidence,
    }
    return [doubt for doubt, is_there in found.items() if is_there]


def _luma(crop_rgb: FaceCrop) -> npt.NDArray[np.float32]:
    """Of the inner part of a crop; `(height, width, 3)`, uint8, RGB, larger than 60 pixels."""
    inner = crop_rgb[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    # Not a matrix product: that would wake all the threads of BLAS for one crop.
    red, green, blue = (inner[..., channel].astype(np.float32) for channel in range(3))
    luma: npt.NDArray[np.float32] = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def sharpness(luma: npt.NDArray[np.float32]) -> float:
    """Variance of the Laplacian of a picture's luma, as a share of the variance of the luma.

    The share, unlike the variance alone, does not depend on contrast or exposure. A flat
    picture has sharpness 0.
    """
    variance = float(luma.var())
    if variance < 1.0:  # less than one grey level of contrast
        return 0.0
    center = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * center
    return float(laplacian.var()) / variance


def yaw_degrees(landmarks: Sequence[Point]) -> float | None:
    """How far a head is turned to a side, from how far the nose is off the eyes' middle.

    Right to about 10 degrees up to a half profile; the sign is that of the nose's way in the
    upright image. None without a mesh of 468 or 478 points.
    """
    if len(landmarks) not in (468, 478):
        return None
    roll = roll_angle(landmarks)
    cos, sin = math.cos(roll), math.sin(roll)

    def along_eye_line(index: int) -> float:
        return landmarks[index].x * cos + landmarks[index].y * sin

    right, left = along_eye_line(RIGHT_EYE_CORNERS[0]), along_eye_line(LEFT_EYE_CORNERS[1])
    offset = along_eye_line(_NOSE_TIP) - (right + left) / 2
    return math.degrees(math.atan2(offset, _NOSE_DEPTH * max(left - right, 1e-6)))
