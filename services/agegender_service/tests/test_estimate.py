from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agegender_service.estimate import (
    AGE_CLASSES,
    age_quantile,
    estimate_face,
    expected_age,
    switched_off,
)
from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import Doubt, Gender

from .pictures import GOOD

SETTINGS = AgeGenderSettings()
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


@given(distributions, st.floats(0, 1), st.floats(0, 1))
def test_an_age_quantile_grows_with_the_share_and_stays_in_range(
    ages: npt.NDArray[np.float32], first: float, second: float
) -> None:
    low, high = sorted((first, second))
    assert -0.5 <= age_quantile(ages, low) <= age_quantile(ages, high) <= 100.5


@given(distributions, st.floats(0.01, 0.99))
def test_an_age_quantile_has_its_share_below_it(
    ages: npt.NDArray[np.float32], share: float
) -> None:
    age = age_quantile(ages, share)
    whole = math.floor(age + 0.5)
    inside = ages[whole] * (age + 0.5 - whole) if whole < AGE_CLASSES else 0.0
    assert ages[:whole].sum() + inside == pytest.approx(share, abs=1e-4)


class TestAgeQuantile:
    @pytest.mark.parametrize("age", [0, 1, 37, 100])
    def test_of_one_class_lies_inside_that_year(self, age: int) -> None:
        assert age_quantile(one_class(age), 0.1) == pytest.approx(age - 0.4)
        assert age_quantile(one_class(age), 0.9) == pytest.approx(age + 0.4)

    def test_agrees_with_the_normal_distribution(self) -> None:
        assert age_quantile(bell(40, 8), 0.9) == pytest.approx(40 + 1.2816 * 8, abs=0.1)

    def test_a_share_of_one_skips_trailing_zeros(self) -> None:
        assert age_quantile(one_class(3), 1.0) == pytest.approx(3.5)


@given(distributions)
def test_the_interval_holds_the_age(ages: npt.NDArray[np.float32]) -> None:
    face = estimate_face(ages, FEMALE, GOOD, SETTINGS)
    assert face.age is not None
    assert face.age_low is not None
    assert face.age_high is not None
    assert 0 <= face.age_low <= face.age <= face.age_high <= 100


class TestEstimateFace:
    def test_of_a_clear_face(self) -> None:
        face = estimate_face(bell(30, 4), FEMALE, GOOD, SETTINGS)

        assert (face.age, face.age_low, face.age_high) == (30, 25, 35)
        assert (face.gender, face.gender_confidence) == (Gender.FEMALE, 0.9)
        assert face.reliable
        assert face.age_reliable
        assert face.gender_reliable
        assert face.quality is not None
        assert face.quality > 0.8
        assert face.reasons == []

    def test_second_probability_is_man(self) -> None:
        face = estimate_face(bell(30, 4), FEMALE[::-1], GOOD, SETTINGS)
        assert face.gender is Gender.MALE

    def test_expectation_is_deepfaces(self) -> None:
        ages = one_class(20) / np.float32(4) + one_class(60) * np.float32(0.75)
        assert expected_age(ages) == pytest.approx(50.0)

    def test_gender_under_the_threshold_is_unknown(self) -> None:
        face = estimate_face(bell(30, 4), np.array([0.6, 0.4], np.float32), GOOD, SETTINGS)

        assert face.gender is Gender.UNKNOWN
        assert face.gender_confidence == pytest.approx(0.6)
        assert face.reasons == [Doubt.UNCERTAIN_GENDER]

    def test_gender_may_be_told_and_not_be_reliable(self) -> None:
        face = estimate_face(bell(30, 4), np.array([0.2, 0.8], np.float32), GOOD, SETTINGS)

        assert face.gender is Gender.MALE
        assert face.reasons == [Doubt.UNCERTAIN_GENDER]
        assert (face.age_reliable, face.gender_reliable, face.reliable) == (True, False, False)

    def test_wide_range_is_a_doubt_about_age_alone(self) -> None:
        face = estimate_face(bell(50, 20), FEMALE, GOOD, SETTINGS)

        assert face.reasons == [Doubt.WIDE_AGE_RANGE]
        assert (face.age_reliable, face.gender_reliable, face.reliable) == (False, True, False)

    def test_what_is_wrong_with_the_picture_is_a_doubt_about_both(self) -> None:
        masked = replace(GOOD, cues=np.array([1, 0.9, 0, 1], np.float32))

        face = estimate_face(bell(30, 4), FEMALE, masked, SETTINGS)

        assert face.reasons == [Doubt.MOUTH_COVERED]
        assert (face.age_reliable, face.gender_reliable, face.reliable) == (False, False, False)

    def test_switched_off_nothing_is_claimed(self) -> None:
        face = switched_off()
        assert (face.age, face.gender, face.reliable) == (None, Gender.UNKNOWN, False)
        assert face.reasons == [Doubt.SWITCHED_OFF]
