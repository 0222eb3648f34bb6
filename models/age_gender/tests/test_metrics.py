"""The figures that the card publishes, on cases that one can work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import Floats, Predictions, calibration_error, figures, interval, quantiles, rounded


def ages(*shares: dict[int, float]) -> Floats:
    """Distributions over the ages 0 to 100, a row a face."""
    rows = np.zeros((len(shares), 101))
    for row, chances in zip(rows, shares, strict=True):
        for age, chance in chances.items():
            row[age] = chance
    return rows


def predictions(
    said: Floats,
    true: list[tuple[float, float]],
    genders: list[tuple[float, float]] | None = None,
    gender: list[int] | None = None,
) -> Predictions:
    low, high = np.array(true, float).T
    chances = np.array(genders or [(1.0, 0.0)] * len(said))
    return Predictions(said, chances, low, high, np.array(gender or [0] * len(said)))


def test_the_age_is_the_expectation_and_the_error_that_to_the_nearest_end_of_the_label() -> None:
    # Given 30 for sure, 20 or 40, and 50 where the label is a bin
    said = ages({30: 1}, {20: 0.5, 40: 0.5}, {50: 1})
    measured = predictions(said, [(33, 33), (25, 25), (40, 49)])

    found = figures(measured)

    assert measured.expected.tolist() == [30, 30, 50]
    assert measured.off.tolist() == [3, 5, 1]
    assert found["mae"] == pytest.approx(3)
    assert found["within_5"] == 1.0
    assert found["bias"] == pytest.approx((-3 + 5 + 5.5) / 3)  # to the middle of the label
    assert found["faces"] == 3


def test_an_age_inside_its_bin_is_not_off() -> None:
    assert predictions(ages({44: 1}), [(40, 49)]).off.tolist() == [0]


def test_quantiles_spread_each_age_over_its_year() -> None:
    # An even chance of 10 to 19 fills 9.5 to 19.5
    even = ages(dict.fromkeys(range(10, 20), 0.1))

    assert [float(quantiles(even, share)[0]) for share in (0.1, 0.5, 0.9)] == pytest.approx(
        [10.5, 14.5, 18.5]
    )


def test_the_interval_is_whole_years_and_holds_the_expected_age() -> None:
    even, skew = ages(dict.fromkeys(range(10, 20), 0.1), {20: 0.95, 100: 0.05})[:2]

    low, high = interval(np.array([even, skew]))

    assert (low[0], high[0]) == (10, 18)  # 10.5 and 18.5, to the even year
    assert (low[1], high[1]) == (20, 24)  # the expected age of 24 lies outside of 80 %


def test_coverage_counts_labels_that_the_interval_touches() -> None:
    said = ages(*[dict.fromkeys(range(10, 20), 0.1)] * 4)
    measured = predictions(said, [(10, 10), (18, 18), (19, 19), (19, 25)])

    found = figures(measured)

    assert (found["interval_coverage"], found["interval_width"]) == (0.5, 8)


def test_confidence_that_comes_true_has_no_calibration_error() -> None:
    # Given ten faces at 0.8, of which eight are right
    chances = np.array([(0.8, 0.2)] * 10)

    assert calibration_error(chances, np.array([0] * 8 + [1] * 2)) == pytest.approx(0)
    assert calibration_error(chances, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3)


def test_the_calibration_error_weighs_each_bin_by_its_faces() -> None:
    # Given three sure and right, and one at 0.6 that is wrong
    chances = np.array([(1.0, 0.0)] * 3 + [(0.4, 0.6)])

    assert calibration_error(chances, np.array([0, 0, 0, 0])) == pytest.approx(0.25 * 0.6)


def test_who_is_not_sure_enough_abstains() -> None:
    genders = [(0.9, 0.1), (0.6, 0.4), (0.3, 0.7), (0.2, 0.8)]
    measured = predictions(ages(*[{30: 1.0}] * 4), [(30, 30)] * 4, genders, [0, 1, 1, 0])

    found = figures(measured)

    assert found["gender_accuracy"] == 0.5
    assert found["abstained"] == 0.25
    assert found["gender_accuracy_of_the_rest"] == pytest.approx(2 / 3)
    assert np.isnan(figures(measured, abstain_below=0.95)["gender_accuracy_of_the_rest"])


def test_a_group_is_measured_on_its_own() -> None:
    measured = predictions(ages({30: 1}, {40: 1}), [(30, 30), (50, 50)])

    assert figures(measured.of(np.array([False, True])))["mae"] == 10
    assert rounded({"mae": 1 / 3}) == {"mae": 0.3333}
