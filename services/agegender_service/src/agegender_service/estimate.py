"""From probabilities to an estimate with its doubts. Pure; needs numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agegender_service.settings import AgeGenderSettings
from facepipe.analysis import AgeGender, DetectedFace, Doubt, Gender
from facepipe.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Point, roll_angle

Probabilities = npt.NDArray[np.float32]
FaceCrop = npt.NDArray[np.uint8]

AGE_CLASSES = 101
INTERVAL = (0.1, 0.9)
# Order of the gender probabilities, DeepFace's.
WOMAN, MAN = 0, 1

_NOSE_TIP = 4
# How far the nose tip stands before the line of the outer eye corners, as a share of their
# distance. An average of adult heads; enough to tell a turned head from a level one.
_NOSE_DEPTH = 0.48
# The outer eighth on each side is background or replicated edge.
_SHARPNESS_MARGIN = 28


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What speaks for or against an estimate, seen before any model ran.

    Attributes:
        side_px: longer side of the box, in pixels of the image.
        confidence: of the detection, 0-1.
        sharpness: see `sharpness`.
        has_landmarks: whether any were found.
        yaw_degrees: turn of the head to a side, 0 is frontal; None where it is not known.
    """

    side_px: int
    confidence: float
    sharpness: float
    has_landmarks: bool
    yaw_degrees: float | None


def quality_of(face: DetectedFace, crop_rgb: FaceCrop) -> FaceQuality:
    """Measures a face; `crop_rgb` has shape `(224, 224, 3)`, uint8."""
    landmarks = [point.to_point() for point in face.landmarks]
    return FaceQuality(
        side_px=max(face.box.to_bounding_box().size),
        confidence=face.confidence,
        sharpness=sharpness(crop_rgb),
        has_landmarks=bool(landmarks),
        yaw_degrees=yaw_degrees(landmarks),
    )


def sharpness(crop_rgb: FaceCrop) -> float:
    """Variance of the Laplacian of a crop's luma, as a share of the variance of the luma.

    The share, unlike the variance alone, does not depend on contrast or exposure. A flat
    crop has sharpness 0.

    Args:
        crop_rgb: shape `(height, width, 3)`, uint8, RGB; larger than 60 pixels a side.
    """
    inner = crop_rgb[_SHARPNESS_MARGIN:-_SHARPNESS_MARGIN, _SHARPNESS_MARGIN:-_SHARPNESS_MARGIN]
    # Not a matrix product: that would wake all the threads of BLAS for one crop.
    red, green, blue = (inner[..., channel].astype(np.float32) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
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


def expected_age(age_probabilities: Probabilities) -> float:
    """Expectation over DeepFace's 101 classes, in years; shape `(101,)` in."""
    return float(age_probabilities.astype(np.float64) @ np.arange(AGE_CLASSES))


def age_quantile(age_probabilities: Probabilities, share: float) -> float:
    """The age under which `share` of the probability lies, in years.

    Class k stands for ages from k - 0.5 to k + 0.5, evenly; so the result lies in -0.5..100.5.

    Args:
        age_probabilities: shape `(101,)`, not negative, with a positive sum.
        share: 0-1.
    """
    weights = age_probabilities.astype(np.float64)
    cumulated = np.cumsum(weights)
    target = share * cumulated[-1]
    index = min(int(np.searchsorted(cumulated, target)), AGE_CLASSES - 1)
    below = cumulated[index - 1] if index else 0.0
    inside = (target - below) / weights[index] if weights[index] > 0 else 0.0
    return index - 0.5 + float(np.clip(inside, 0.0, 1.0))


def doubts_about(quality: FaceQuality, settings: AgeGenderSettings) -> list[Doubt]:
    """Why the picture of a face does not carry an estimate."""
    doubts = []
    if quality.side_px < settings.min_face_px:
        doubts.append(Doubt.SMALL_FACE)
    if quality.sharpness < settings.min_sharpness:
        doubts.append(Doubt.BLURRED)
    if not quality.has_landmarks:
        doubts.append(Doubt.NO_LANDMARKS)
    if quality.yaw_degrees is not None and abs(quality.yaw_degrees) > settings.max_yaw_degrees:
        doubts.append(Doubt.TURNED_AWAY)
    if quality.confidence < settings.min_confidence:
        doubts.append(Doubt.LOW_CONFIDENCE)
    return doubts


def estimate_face(
    age_probabilities: Probabilities,
    gender_probabilities: Probabilities,
    quality: FaceQuality,
    settings: AgeGenderSettings,
) -> AgeGender:
    """What the result document says of a face.

    Age is the expectation, rounded; its interval holds 80 % of the probability and always the
    age itself. Gender is the likelier one, or unknown when its probability is under the
    threshold; `gender_confidence` is that probability in either case. An estimate is reliable
    when nothing speaks against it.

    Args:
        age_probabilities: shape `(101,)`, one class a year.
        gender_probabilities: shape `(2,)`, Woman and Man.
        quality: of the picture.
        settings: thresholds.
    """
    age = _years(expected_age(age_probabilities))
    low, high = (_years(age_quantile(age_probabilities, share)) for share in INTERVAL)
    low, high = min(low, age), max(high, age)
    confidence = float(np.clip(gender_probabilities.max(), 0.0, 1.0))
    gender = Gender.MALE if gender_probabilities.argmax() == MAN else Gender.FEMALE
    doubts = doubts_about(quality, settings)
    if high - low > settings.max_age_range:
        doubts.append(Doubt.WIDE_AGE_RANGE)
    if confidence < settings.gender_threshold:
        gender = Gender.UNKNOWN
        doubts.append(Doubt.UNCERTAIN_GENDER)
    return AgeGender(
        age=age,
        gender=gender,
        age_low=low,
        age_high=high,
        gender_confidence=round(confidence, 4),
        reliable=not doubts,
        reasons=doubts,
    )


def switched_off() -> AgeGender:
    """What is said of a face when nobody wants to know: nothing."""
    return AgeGender(reasons=[Doubt.SWITCHED_OFF])


def _years(value: float) -> int:
    return int(np.clip(round(value), 0, AGE_CLASSES - 1))
