"""Figures by age band, gender and the sets' own groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets import FAIRFACE, Sample
from metrics import Predictions, figures, rounded

BANDS = ((0, 2), (3, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 120))
ADULT = 18


def by_groups(measured: Predictions, samples: Sequence[Sample]) -> dict[str, Any]:
    """Figures of all faces of a set and of each group of them."""
    low = measured.age_low
    entry: dict[str, Any] = {"all": rounded(figures(measured))}
    entry["adults"] = rounded(figures(measured.of(low >= ADULT)))
    chosen = {f"{a}-{b}": (low >= a) & (low <= b) for a, b in BANDS}
    entry["age"] = _each(measured, chosen)
    entry["gender"] = _each(measured, {"woman": measured.gender == 0, "man": measured.gender == 1})
    groups = np.array([sample.group for sample in samples])
    entry["group"] = _each(measured, {str(g): groups == g for g in np.unique(groups) if g})
    if samples[0].source == FAIRFACE:
        entry["bins"] = rounded(bin_accuracy(measured))
    return entry


def bin_accuracy(measured: Predictions) -> dict[str, float]:
    """Share of faces whose expected age falls into FairFace's bin, or a neighbouring one."""
    starts = np.array([low for low, _ in BANDS])
    said = np.searchsorted(starts, measured.expected + 0.5, side="right") - 1
    true = np.searchsorted(starts, measured.age_low, side="right") - 1
    apart = np.abs(said - true)
    return {"exact": float((apart == 0).mean()), "one_off": float((apart <= 1).mean())}


def _each(
    measured: Predictions, chosen: dict[str, npt.NDArray[np.bool_]]
) -> dict[str, dict[str, float]]:
    return {
        name: rounded(figures(measured.of(mask))) for name, mask in chosen.items() if mask.any()
    }
