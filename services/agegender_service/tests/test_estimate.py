from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agegender_service.estimate import (
    AGE_CLASSES,
    FaceQuality,
    age_quantile,
    doubts_about,
    estimate_face,
    expected_age,
    sharpness,
    switched_off,
    yaw_degrees,
)
from agegender_service.settings import AgeGenderSettings
from facepipe.analysis import Doubt, Gender
from facepipe.geometry import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Point

SETTINGS = AgeGenderSettings()
GOOD = FaceQuality(side_px=200, confidence=0.9, sharpness=0.05, has_landmarks=True, yaw_degrees=3.0)
FEMALE = np.array([0.9, 0.1], np.float32)

distributions = (
    arrays(np.float64, AGE_CLASSES, elements=st.floats(0, 1, width=32))
    .filter(lambda weights: weights.sum() > 1e-3)
    .map(lambda weights: (weights / weights.sum()).astype(np.float32))
)


def bell(mean: float, sigma: float) -> npt.NDArray[np.float32]:
    weights = np.exp(-(((np.arange(AGE_CLASSES) - mean) / sigma) ** 2) / 2)
    return np.asarray(weights / weights.sum(), np.float32)


def one_class(age: int) -> npt.NDArray[np.float32]:
    return np.asarray(np.eye(AGE_CLASSES)[age], np.float32)


class TestAgeQuantile:
    @given(distributions, st.floats(0, 1), st.floats(0, 1))
    def test_grows_with_the_share_and_stays_in_range(
        self, ages: npt.NDArray[np.float32], first: float, second: float
    ) -> None:
        low, high = sorted((first, second))
        assert -0.5 <= age_quantile(ages, low) <= age_quantile(ages, high) <= 100.5

    @given(distributions, st.floats(0.01, 0.99))
    def test_has_that_share_below_it(self, ages: npt.NDArray[np.float32], share: float) -> None:
        age = age_quantile(ages, share)
        whole = math.floor(age + 0.5)
        inside = ages[whole] * (age + 0.5 - whole) if whole < AGE_CLASSES else 0.0
        assert ages[:whole].sum() + inside == pytest.approx(share, abs=1e-4)

    @pytest.mark.parametrize("age", [0, 1, 37, 100])
    def test_of_one_class_lies_inside_that_year(self, age: int) -> None:
        assert age_quantile(one_class(age), 0.1) == pytest.approx(age - 0.4)
        assert age_quantile(one_class(age), 0.9) == pytest.approx(age + 0.4)

    def test_agrees_with_the_normal_distribution(self) -> None:
        assert age_quantile(bell(40, 8), 0.9) == pytest.approx(40 + 1.2816 * 8, abs=0.1)

    def test_a_share_of_one_skips_trailing_zeros(self) -> None:
        assert age_quantile(one_class(3), 1.0) == pytest.approx(3.5)


class TestEstimateFace:
    def test_of_a_clear_face(self) -> None:
        face = estimate_face(bell(30, 4), FEMALE, GOOD, SETTINGS)

        assert (face.age, face.age_low, face.age_high) == (30, 25, 35)
        assert (face.gender, face.gender_confidence) == (Gender.FEMALE, 0.9)
        assert face.reliable
        assert face.reasons == []

    def test_second_probability_is_man(self) -> None:
        face = estimate_face(bell(30, 4), FEMALE[::-1], GOOD, SETTINGS)
        assert face.gender is Gender.MALE

    @given(distributions)
    def test_interval_holds_the_age(self, ages: npt.NDArray[np.float32]) -> None:
        face = estimate_face(ages, FEMALE, GOOD, SETTINGS)
        assert face.age is not None
        assert face.age_low is not None
        assert face.age_high is not None
        assert 0 <= face.age_low <= face.age <= face.age_high <= 100

    def test_expectation_is_deepfaces(self) -> None:
        ages = one_class(20) / np.float32(4) + one_class(60) * np.float32(0.75)
        assert expected_age(ages) == pytest.approx(50.0)

    def test_gender_under_the_threshold_is_unknown(self) -> None:
        face = estimate_face(bell(30, 4), np.array([0.6, 0.4], np.float32), GOOD, SETTINGS)

        assert face.gender is Gender.UNKNOWN
        assert face.gender_confidence == pytest.approx(0.6)
        assert face.reasons == [Doubt.UNCERTAIN_GENDER]
        assert not face.reliable

    def test_wide_range_is_a_doubt(self) -> None:
        face = estimate_face(bell(50, 20), FEMALE, GOOD, SETTINGS)
        assert face.reasons == [Doubt.WIDE_AGE_RANGE]

    def test_switched_off_nothing_is_claimed(self) -> None:
        face = switched_off()
        assert (face.age, face.gender, face.reliable) == (None, Gender.UNKNOWN, False)
        assert face.reasons == [Doubt.SWITCHED_OFF]


@pytest.mark.parametrize(
    ("quality", "doubt"),
    [
        (FaceQuality(47, 0.9, 0.05, True, 0.0), Doubt.SMALL_FACE),
        (FaceQuality(99, 0.9, 0.001, True, 0.0), Doubt.BLURRED),
        (FaceQuality(99, 0.9, 0.05, False, None), Doubt.NO_LANDMARKS),
        (FaceQuality(99, 0.9, 0.05, True, -55.0), Doubt.TURNED_AWAY),
        (FaceQuality(99, 0.3, 0.05, True, 0.0), Doubt.LOW_CONFIDENCE),
    ],
)
def test_each_defect_is_its_own_doubt(quality: FaceQuality, doubt: Doubt) -> None:
    assert doubts_about(quality, SETTINGS) == [doubt]


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


def head(yaw: float, roll: float = 0.0) -> list[Point]:
    """A mesh of which only eye corners and nose tip are set: turned, then tilted, in degrees."""
    corners = {
        RIGHT_EYE_CORNERS[0]: (-45.0, 0.0),
        RIGHT_EYE_CORNERS[1]: (-18.0, 0.0),
        LEFT_EYE_CORNERS[0]: (18.0, 0.0),
        LEFT_EYE_CORNERS[1]: (45.0, 0.0),
        4: (0.0, 43.2),
    }
    turn, tilt = math.radians(yaw), math.radians(roll)
    mesh = [Point(0, 0)] * 478
    for index, (x, depth) in corners.items():
        along = x * math.cos(turn) + depth * math.sin(turn)
        down = 30.0 if index == 4 else 0.0
        mesh[index] = Point(
            200 + along * math.cos(tilt) - down * math.sin(tilt),
            100 + along * math.sin(tilt) + down * math.cos(tilt),
        )
    return mesh


class TestYaw:
    @pytest.mark.parametrize("roll", [0, 30, -90, 180])
    @pytest.mark.parametrize("yaw", [-60, -20, 0, 20, 60])
    def test_is_found_whatever_the_roll(self, yaw: float, roll: float) -> None:
        assert yaw_degrees(head(yaw, roll)) == pytest.approx(yaw, abs=0.5)

    def test_needs_a_mesh(self) -> None:
        assert yaw_degrees([]) is None
        assert yaw_degrees([Point(0, 0), Point(10, 0)]) is None
