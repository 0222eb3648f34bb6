"""Figures of age and gender from predictions and labels. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

INTERVAL = (0.1, 0.9)
CLOSE_YEARS = 5.0
CONFIDENCE_BINS = 15
ABSTAIN_BELOW = 0.65  # the service's gender threshold


@dataclass(frozen=True, slots=True)
class Predictions:
    """What was said of n faces, and what is true.

    Attributes:
        ages: `(n, 101)` probabilities of the ages.
        genders: `(n, 2)` probabilities of woman and man.
        age_low: `(n,)` youngest age the label allows.
        age_high: `(n,)` oldest age the label allows.
        gender: `(n,)` index of the labelled gender.
    """

    ages: Floats
    genders: Floats
    age_low: Floats
    age_high: Floats
    gender: npt.NDArray[np.int64]

    def of(self, chosen: npt.NDArray[np.bool_]) -> Predictions:
        return Predictions(
            self.ages[chosen],
            self.genders[chosen],
            self.age_low[chosen],
            self.age_high[chosen],
            self.gender[chosen],
        )

    @property
    def expected(self) -> Floats:
        """Expected age in years, `(n,)`."""
        mean: Floats = self.ages @ np.arange(self.ages.shape[1], dtype=np.float64)
        return mean

    @property
    def off(self) -> Floats:
        """Years between the expected age and the label (its nearest end), `(n,)`."""
        below, above = self.age_low - self.expected, self.expected - self.age_high
        return np.maximum(np.maximum(below, above), 0.0)


def quantiles(ages: Floats, share: float) -> Floats:
    """Age below which `share` of each distribution lies; class k spans k-0.5 to k+0.5."""
    edges = np.arange(ages.shape[1] + 1) - 0.5
    cumulative = np.concatenate([np.zeros((len(ages), 1)), np.cumsum(ages, 1)], 1)
    cumulative /= cumulative[:, -1:]
    return np.array([np.interp(share, row, edges) for row in cumulative])


def interval(ages: Floats) -> tuple[Floats, Floats]:
    """The 80 % interval as the pipeline reports it: whole years, the expected age included."""
    expected = np.round(ages @ np.arange(ages.shape[1], dtype=np.float64))
    low, high = (np.round(quantiles(ages, share)).clip(0, 100) for share in INTERVAL)
    return np.minimum(low, expected), np.maximum(high, expected)


def calibration_error(genders: Floats, gender: npt.NDArray[np.int64]) -> float:
    """Expected calibration error of the larger probability, `CONFIDENCE_BINS` equal bins."""
    confidence = genders.max(1)
    right = genders.argmax(1) == gender
    places = np.minimum((confidence * CONFIDENCE_BINS).astype(int), CONFIDENCE_BINS - 1)
    error = 0.0
    for place in np.unique(places):
        inside = places == place
        error += inside.mean() * abs(float(right[inside].mean() - confidence[inside].mean()))
    return error


def figures(predictions: Predictions, abstain_below: float = ABSTAIN_BELOW) -> dict[str, float]:
    """All figures of one group of faces.

    Where the label is a bin, an age inside it is 0 off, and it is covered if the 80 % interval
    touches the bin; such figures flatter and stand apart from those of exact ages.
    """
    off = predictions.off
    right = predictions.genders.argmax(1) == predictions.gender
    low, high = interval(predictions.ages)
    covered = (low <= predictions.age_high) & (high >= predictions.age_low)
    middle = (predictions.age_low + predictions.age_high) / 2
    sure = predictions.genders.max(1) >= abstain_below
    return {
        "faces": len(off),
        "mae": float(off.mean()),
        "within_5": float((off <= CLOSE_YEARS).mean()),
        "bias": float((predictions.expected - middle).mean()),
        "expected_age": float(predictions.expected.mean()),
        "gender_accuracy": float(right.mean()),
        "interval_coverage": float(covered.mean()),
        "interval_width": float((high - low).mean()),
        "gender_ece": calibration_error(predictions.genders, predictions.gender),
        "abstained": float(1 - sure.mean()),
        "gender_accuracy_of_the_rest": float(right[sure].mean()) if sure.any() else float("nan"),
    }


def rounded(numbers: Mapping[str, float], digits: int = 4) -> dict[str, float]:
    return {name: round(number, digits) for name, number in numbers.items()}
