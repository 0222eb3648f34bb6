"""How good the picture of a face is, and what speaks against an estimate. Needs numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from agegender_service.exposure import Exposure, FaceCrop, exposure_of, inner_luma
from agegender_service.proportions import stretch, yaw_degrees
from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import DetectedFace, Doubt

Probabilities = npt.NDArray[np.float32]

# Chosen on photographs as they are and spoiled; the README says how often they speak.
_LEAST_CONTRAST = 18.0
_MOST_WHITE = 1 / 3
_DARKEST, _BRIGHTEST = 35.0, 225.0
_MOST_STRETCH = 1.25


class Cue(IntEnum):
    """What a joint graph says about quality, in the order of its output `quality_cues`."""

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
        exposure: how light and dark are spread over it.
        has_landmarks: whether any were found.
        yaw_degrees: turn of the head to a side, 0 is frontal; None where it is not known.
        stretch: see `proportions.stretch`; None where it is not known.
        cues: probabilities by `Cue`; None of a model that does not tell.
    """

    side_px: int
    confidence: float
    sharpness: float
    exposure: Exposure
    has_landmarks: bool
    yaw_degrees: float | None
    stretch: float | None = None
    cues: Probabilities | None = None


def quality_of(
    face: DetectedFace, crop_rgb: FaceCrop, cues: Probabilities | None = None
) -> FaceQuality:
    """Measures a face; `crop_rgb` has shape `(224, 224, 3)`, uint8."""
    landmarks = [point.to_point() for point in face.landmarks]
    return FaceQuality(
        side_px=max(face.box.to_bounding_box().size),
        confidence=face.confidence,
        sharpness=sharpness(inner_luma(crop_rgb)),
        exposure=exposure_of(crop_rgb, face.box.to_bounding_box(), landmarks),
        has_landmarks=bool(landmarks),
        yaw_degrees=yaw_degrees(landmarks),
        stretch=stretch(landmarks),
        cues=cues,
    )


def score(quality: FaceQuality, settings: AgeGenderSettings) -> float:
    """How good the picture is, 0-1: the product of what it loses by each of its defects."""
    whole = min(1.0, quality.side_px / max(1, 2 * settings.min_face_px))
    if quality.yaw_degrees is not None:
        whole *= max(0.0, math.cos(math.radians(quality.yaw_degrees)))
    if quality.cues is None:
        sharp = min(1.0, quality.sharpness / max(1e-9, 2 * settings.min_sharpness))
        return whole * quality.confidence * sharp
    face, mouth, eyes, clear = (float(np.clip(cue, 0, 1)) for cue in quality.cues)
    return whole * face * (1 - mouth) * (1 - eyes) * clear


def doubts_about(quality: FaceQuality, settings: AgeGenderSettings) -> list[Doubt]:
    """Why the picture of a face does not carry an estimate."""
    cues = quality.cues
    found = {
        Doubt.NOT_A_FACE: cues is not None and cues[Cue.FACE] < settings.min_face_probability,
        Doubt.MOUTH_COVERED: cues is not None and cues[Cue.MOUTH_COVERED] > settings.max_cover,
        Doubt.EYES_COVERED: cues is not None and cues[Cue.EYES_COVERED] > settings.max_cover,
        Doubt.SMALL_FACE: quality.side_px < settings.min_face_px,
        Doubt.BLURRED: quality.sharpness < settings.min_sharpness,
        Doubt.BADLY_EXPOSED: is_badly_exposed(quality.exposure),
        Doubt.DISTORTED: (quality.stretch or 1.0) > _MOST_STRETCH,
        Doubt.NO_LANDMARKS: not quality.has_landmarks,
        Doubt.TURNED_AWAY: abs(quality.yaw_degrees or 0.0) > settings.max_yaw_degrees,
        Doubt.LOW_CONFIDENCE: quality.confidence < settings.min_confidence,
    }
    return [doubt for doubt, is_there in found.items() if is_there]


def is_badly_exposed(exposure: Exposure) -> bool:
    """Whether light or its lack has taken away what an age is read of."""
    return (
        exposure.contrast < _LEAST_CONTRAST
        or exposure.white > _MOST_WHITE
        or not _DARKEST <= exposure.brightness <= _BRIGHTEST
        or exposure.is_negative
    )


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
