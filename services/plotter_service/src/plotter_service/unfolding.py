"""How many faces of each age and gender there are, by what the model takes for what. Pure.

The model says a band of ages and a gender, and is often off by a band. How often it takes which
true pair for which other was measured on labelled faces (`models/age_gender/confusion.py`). Given
these shares and what was said, the true counts are drawn many times as they may have been (Gibbs
sampling: each face is put to a true pair in turn, then the shares of the pairs are drawn anew; any
mixture of pairs is as likely as any other beforehand). Each chain has shares of its own, from the
Dirichlet distribution of the measured faces. What is told is the mean, and where 80 % lie.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from facepipe.domain.analysis import Gender

BAND_YEARS, BANDS = 10, 8
TRUE_GENDERS = (Gender.FEMALE, Gender.MALE)
SAID_GENDERS = (Gender.FEMALE, Gender.MALE, Gender.UNKNOWN)
_SMOOTHING = 0.05  # added to each cell: what was never measured is rare, not impossible
_CHAINS, _STEPS = 200, 60  # the second half of the steps counts
_INTERVAL = (0.1, 0.9)

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Faces by true gender and band, `(2, 8)`, with the ends of their 80 % intervals."""

    faces: Floats
    low: Floats
    high: Floats


def confusion_of(weights: str) -> Counts | None:
    """What was measured of these weights; None where nothing was.

    Returns:
        Faces by true gender, true band, said gender and said band: `(2, 8, 3, 8)`.
    """
    file = files("plotter_service") / f"confusion_{weights}.json"
    if not file.is_file():
        return None
    return np.array(json.loads(file.read_text("utf-8"))["counts"], np.int64)


def unfold(said: Counts, confusion: Counts) -> Unfolded:
    """The true counts behind those that were said; their sum is the same.

    Args:
        said: faces by said gender and band, `(3, 8)`.
        confusion: as `confusion_of` gives it.
    """
    pairs = confusion.reshape(len(TRUE_GENDERS) * BANDS, -1)
    measured = pairs.astype(np.float64) + _SMOOTHING
    drawn = _drawn(said.reshape(-1), measured)
    mean = drawn.mean(0)
    low, high = np.quantile(drawn, _INTERVAL, axis=0)
    # Of what is hardly ever there the mean lies above nine tenths of the draws, which are 0.
    low, high = np.minimum(low, mean), np.maximum(high, mean)
    shape = (len(TRUE_GENDERS), BANDS)
    return Unfolded(mean.reshape(shape), low.reshape(shape), high.reshape(shape))


def _drawn(said: Counts, measured: Floats) -> Floats:
    """True counts as they may have been, `(n, true)`."""
    chance = np.random.default_rng(seed=0)  # the same faces give the same plot
    shares = _normal(chance.standard_gamma(measured, (_CHAINS, *measured.shape)), axis=2)
    observed = np.repeat(said[None], _CHAINS, axis=0)
    # To begin with, every face is where a face of which that is said most likely belongs.
    counts = np.einsum("ns,nts->nt", observed, _normal(shares, axis=1))
    kept = []
    for step in range(_STEPS):
        weights = _normal(chance.standard_gamma(counts + 1), axis=1)
        chances = _normal(weights[:, :, None] * shares, axis=1)
        counts = chance.multinomial(observed, chances.transpose(0, 2, 1)).sum(1).astype(np.float64)
        if step >= _STEPS // 2:
            kept.append(counts)
    return np.concatenate(kept)


def _normal(numbers: npt.NDArray[Any], axis: int) -> Floats:
    """Shares that add up to 1 along an axis."""
    shares: Floats = numbers.astype(np.float64) + 1e-300
    shares /= shares.sum(axis, keepdims=True)
    return shares
