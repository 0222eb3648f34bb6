from __future__ import annotations

import pytest

from facepipe.domain.analysis import AgeGender, Gender
from facepipe.files.annotation.labels import (
    MIN_CONTRAST,
    Rgb,
    colors_of,
    contrast,
    label_texts,
)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Rgb(0, 0, 0), Rgb(255, 255, 255), 21.0),
        (Rgb(255, 255, 255), Rgb(255, 255, 255), 1.0),
        (Rgb(118, 118, 118), Rgb(255, 255, 255), 4.54),  # the darkest grey that WCAG names
        (Rgb(255, 0, 0), Rgb(255, 255, 255), 4.0),
    ],
)
def test_contrast_is_that_of_wcag(first: Rgb, second: Rgb, expected: float) -> None:
    assert contrast(first, second) == pytest.approx(expected, abs=0.01)
    assert contrast(first, second) == contrast(second, first)


@pytest.mark.parametrize("gender", list(Gender))
def test_labels_can_be_read(gender: Gender) -> None:
    colors = colors_of(gender)

    assert contrast(colors.text, colors.background) >= MIN_CONTRAST


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (
            AgeGender(age=28, gender=Gender.FEMALE, age_low=23, age_high=34, reliable=True),
            ["female 28 (23-34)", "female 28", "f 28", "28"],
        ),
        (
            AgeGender(age=28, gender=Gender.MALE, age_low=10, age_high=60),
            ["male 28 (10-60) ?", "male 28 ?", "m 28 ?", "28 ?"],
        ),
        (
            AgeGender(age=40, age_low=35, age_high=45),
            ["unknown 40 (35-45) ?", "unknown 40 ?", "40 ?"],
        ),
        (AgeGender(age=5, gender=Gender.MALE, reliable=True), ["male 5", "m 5", "5"]),
        (AgeGender(gender=Gender.FEMALE), ["female ?", "f ?"]),
        (AgeGender(), ["unknown ?", "?"]),
    ],
)
def test_label_says_what_is_known_and_marks_doubt(estimate: AgeGender, expected: list[str]) -> None:
    assert label_texts(estimate) == expected
