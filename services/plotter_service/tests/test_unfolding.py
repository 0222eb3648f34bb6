"""The age pyramid: true counts behind what a model says that errs in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from facepipe.domain.analysis import Gender
from plotter_service import charts
from plotter_service.plots import age_pyramid
from plotter_service.statistics import AGE_BINS, Statistics
from plotter_service.unfolding import BANDS, Counts, confusion_of, unfold

TRUE = np.array([[100, 200, 1000, 500, 300, 200, 100, 50], [50, 200, 800, 600, 400, 100, 100, 20]])


def erring(faces: int = 3000) -> Counts:
    """A model that misses a band of ages twice in five times, and a gender once in ten."""
    confusion = np.zeros((2, BANDS, 3, BANDS), np.int64)
    for gender in (0, 1):
        for band in range(BANDS):
            for step, share in ((-1, 0.2), (0, 0.6), (1, 0.2)):
                said = min(BANDS - 1, max(0, band + step))
                for other, part in ((gender, 0.9), (1 - gender, 0.05), (2, 0.05)):
                    confusion[gender, band, other, said] += round(faces * share * part)
    return confusion


def said_of(true: Counts, confusion: Counts, seed: int) -> Counts:
    """What such a model says of these faces, as chance has it."""
    chance = np.random.default_rng(seed)
    shares = confusion.reshape(2 * BANDS, -1)
    drawn = [
        chance.multinomial(faces, row / row.sum())
        for faces, row in zip(true.ravel(), shares, strict=True)
    ]
    said: Counts = np.array(drawn, np.int64).sum(0)
    return said.reshape(3, BANDS)


def test_what_is_never_wrong_is_left_as_it_is() -> None:
    confusion = np.zeros((2, BANDS, 3, BANDS), np.int64)
    for gender in (0, 1):
        for band in range(BANDS):
            confusion[gender, band, gender, band] = 1_000_000
    said = np.vstack([TRUE, np.zeros(BANDS, np.int64)])

    assert unfold(said, confusion).faces == pytest.approx(TRUE, abs=2)


def test_a_known_confusion_is_taken_out() -> None:
    # given so many faces that chance matters little
    true, confusion = 100 * TRUE, erring(1_000_000)
    said = said_of(true, confusion, seed=1)
    # when
    found = unfold(said, confusion).faces
    # then the counts are nearer to the truth than what was said, and nobody is lost
    assert found.sum() == pytest.approx(true.sum())
    assert np.abs(found - true).sum() < 0.25 * np.abs(said[:2] - true).sum()


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    confusion = erring()
    held = [
        (found.low <= TRUE) & (found.high >= TRUE)
        for found in (unfold(said_of(TRUE, confusion, seed), confusion) for seed in range(12))
    ]
    assert 0.7 <= np.mean(held) <= 0.97


def test_few_faces_have_wide_intervals() -> None:
    confusion = erring()
    few, many = (unfold(said_of(n * TRUE, confusion, seed=3), confusion) for n in (1, 100))
    width_of_few = (few.high - few.low).sum() / few.faces.sum()
    assert width_of_few > 2 * (many.high - many.low).sum() / many.faces.sum()


@pytest.mark.parametrize("faces", [1, 5, 40])
def test_what_is_told_lies_in_its_interval(faces: int) -> None:
    # given few faces of one kind: of the others there are likely none, and perhaps one
    statistics = Statistics(
        ages={Gender.FEMALE: [0, 0, 0, 0, faces] + [0] * (AGE_BINS - 5)},
        confusion=confusion_of("open"),
    )
    for found in age_pyramid(statistics).series:
        assert found.low is not None
        assert found.high is not None
        ends = zip(found.low, found.values, found.high, strict=True)
        assert all(low <= value <= high for low, value, high in ends)
    # and it can be drawn
    assert charts.render(charts.draw(age_pyramid(statistics)), "png")


def test_no_faces_are_no_faces() -> None:
    found = unfold(np.zeros((3, BANDS), np.int64), erring())
    assert found.faces.sum() == found.high.sum() == 0


def test_whose_gender_is_unknown_is_counted_where_they_likely_belong() -> None:
    said = np.zeros((3, BANDS), np.int64)
    said[2, 3] = 40
    assert unfold(said, erring()).faces.sum() == pytest.approx(40)


@pytest.mark.parametrize("weights", ["open", "research"])
def test_of_the_own_weights_it_was_measured(weights: str) -> None:
    confusion = confusion_of(weights)
    assert confusion is not None
    assert confusion.shape == (2, BANDS, 3, BANDS)
    assert confusion.sum((2, 3)).min() >= 10  # faces of each true pair


@pytest.mark.parametrize("weights", ["deepface", "none", ""])
def test_of_other_weights_nothing_is_known_and_the_plot_says_so(weights: str) -> None:
    ages = {Gender.FEMALE: [0] * AGE_BINS}
    ages[Gender.FEMALE][5] = 7
    plot = age_pyramid(Statistics(ages=ages, confusion=confusion_of(weights)))
    assert plot.series[0].values[-3] == 7
    assert plot.series[0].low is None
    assert "was not measured" in plot.note
