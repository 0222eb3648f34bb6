from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agegender_service.exposure import Exposure, FaceCrop
from agegender_service.face_quality import doubts_about, quality_of, score
from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import Box, DetectedFace, Doubt

from .pictures import GOOD

SETTINGS = AgeGenderSettings()
FACE = DetectedFace(box=Box(x1=0, y1=0, x2=80, y2=100), confidence=0.9)


def cues(face: float = 1, mouth: float = 0, eyes: float = 0, clear: float = 1) -> dict[str, Any]:
    return {"cues": np.array([face, mouth, eyes, clear], np.float32)}


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"side_px": 47}, Doubt.SMALL_FACE),
        ({"sharpness": 0.001}, Doubt.BLURRED),
        ({"exposure": Exposure(20.0, 45.0, 0.0)}, Doubt.BADLY_EXPOSED),
        ({"exposure": Exposure(240.0, 45.0, 0.0)}, Doubt.BADLY_EXPOSED),
        ({"exposure": Exposure(120.0, 12.0, 0.0)}, Doubt.BADLY_EXPOSED),
        ({"exposure": Exposure(200.0, 60.0, 0.5)}, Doubt.BADLY_EXPOSED),
        ({"exposure": Exposure(120.0, 45.0, 0.0, is_negative=True)}, Doubt.BADLY_EXPOSED),
        ({"stretch": 1.6}, Doubt.DISTORTED),
        ({"has_landmarks": False, "yaw_degrees": None}, Doubt.NO_LANDMARKS),
        ({"yaw_degrees": -55.0}, Doubt.TURNED_AWAY),
        ({"confidence": 0.3}, Doubt.LOW_CONFIDENCE),
        (cues(face=0.1), Doubt.NOT_A_FACE),
        (cues(mouth=0.9), Doubt.MOUTH_COVERED),
        (cues(eyes=0.9), Doubt.EYES_COVERED),
    ],
)
def test_each_defect_is_its_own_doubt(change: dict[str, Any], doubt: Doubt) -> None:
    assert doubts_about(replace(GOOD, **change), SETTINGS) == [doubt]


def test_a_model_that_says_nothing_of_looks_raises_no_doubt() -> None:
    assert doubts_about(replace(GOOD, cues=None), SETTINGS) == []


class TestScore:
    def test_of_a_good_picture_is_near_one(self) -> None:
        assert 0.9 < score(GOOD, SETTINGS) <= 1

    @pytest.mark.parametrize(
        "change",
        [
            {"side_px": 40},
            {"yaw_degrees": 60.0},
            cues(face=0.4),
            cues(mouth=0.8),
            cues(eyes=0.8),
            cues(clear=0.4),
        ],
    )
    def test_falls_with_each_defect(self, change: dict[str, Any]) -> None:
        assert 0 <= score(replace(GOOD, **change), SETTINGS) < 0.6

    def test_without_looks_it_is_the_detectors_and_the_sharpness(self) -> None:
        plain = replace(GOOD, cues=None)
        blurred = replace(plain, sharpness=SETTINGS.min_sharpness)
        assert score(plain, SETTINGS) == pytest.approx(0.9, abs=0.01)
        assert score(blurred, SETTINGS) == pytest.approx(0.45, abs=0.01)


def sharpness(crop: FaceCrop) -> float:
    return quality_of(FACE, crop).sharpness


class TestSharpness:
    def test_of_a_flat_crop_is_zero(self) -> None:
        assert sharpness(np.full((224, 224, 3), 128, np.uint8)) == 0.0

    def test_does_not_depend_on_exposure(self) -> None:
        random = np.random.default_rng(0)
        bright = random.integers(0, 256, (224, 224, 3), dtype=np.uint8)
        assert sharpness(bright // 3) == pytest.approx(sharpness(bright), rel=0.02)

    def test_falls_with_blur(self) -> None:
        random = np.random.default_rng(0)
        sharp = random.integers(0, 256, (224, 224, 3), dtype=np.uint8)
        coarse = random.integers(0, 256, (28, 28, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        assert sharpness(coarse) < sharpness(sharp)
