"""Sets the outputs right on faces that no training saw: the ages' mean and spread, the genders.

    python calibrate.py --run RUN --variant open --cache CACHE --out open

A variant is calibrated on the sets that it did not learn from, each counting the same, outside
their report parts; one that learned from all, on what was held out of them. FairFace, whose ages
are bins, takes no part in the ages. Run export.py afterwards: it bakes `calibration.json` in.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from calibration import KNOTS, Calibration, between_knots
from datasets import (
    CALIBRATE,
    REPORT,
    SOURCES,
    Sample,
    default_data_dir,
    labels_of,
    list_samples,
)
from detect import Faces
from export import load_served
from metrics import INTERVAL, calibration_error, interval
from network import AGES
from train import VARIANT_SOURCES
from views import CropSource, as_deepface_feeds

BATCH = 32
FACES_A_SET, SEED = 1600, 0
COVERAGE = INTERVAL[1] - INTERVAL[0] + 0.02  # boxes of another detector cost some of it
AGE_TEMPERATURES = np.geomspace(0.5, 2.5, 33)
GENDER_TEMPERATURES = np.geomspace(0.5, 3.0, 31)
LABEL_NOISE = 2.5  # years
OFF_WEIGHT = 0.25  # of a year off, in nats
STIFFNESS = 0.003
ROUNDS = 150

Floats = npt.NDArray[np.float64]
Sets = npt.NDArray[np.str_]
"""The name of the set of each face."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--variant", choices=VARIANT_SOURCES, required=True)
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    samples = list_samples(args.data)
    source = CropSource(args.data, samples, Faces.load(args.cache / "faces.npz"))
    rows = rows_to_calibrate(samples, args.variant)
    ages, genders = logits_of(args.run, source, rows)
    chosen = [samples[row] for row in rows]
    sets = np.array([sample.source for sample in chosen])
    found = calibrate(ages, genders, labels_of(chosen), sets)
    found.save(args.out)
    print(found)


def rows_to_calibrate(samples: Sequence[Sample], variant: str) -> list[int]:
    """Of each set that the variant has not seen, some at random; else what was held out."""
    unseen = [source for source in SOURCES if source not in VARIANT_SOURCES[variant]]
    if not unseen:
        return [row for row, sample in enumerate(samples) if sample.split == CALIBRATE]
    rows: list[int] = []
    for source in unseen:
        of_set = [
            row
            for row, sample in enumerate(samples)
            if sample.source == source and sample.split != REPORT
        ]
        chosen = np.random.default_rng(SEED).permutation(of_set)[:FACES_A_SET]
        rows += sorted(chosen.tolist())
    return rows


def weights_of(sets: Sets) -> Floats:
    """One over the size of a face's set: sets count the same; their sum is 1."""
    weights: Floats = np.zeros(len(sets))
    for name in np.unique(sets):
        weights[sets == name] = 1 / (sets == name).sum()
    weights /= weights.sum()
    return weights


@torch.inference_mode()
def logits_of(run: Path, source: CropSource, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Uncalibrated logits of ages and genders for the pipeline's crops of `rows`."""
    served = load_served(run, Calibration())
    logits: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, len(rows), BATCH):
        crops = np.stack([source.crop(row) for row in rows[start : start + BATCH]])
        ages, genders, _ = served.logits(torch.from_numpy(as_deepface_feeds(crops)))
        logits[0].append(ages)
        logits[1].append(genders)
    return torch.cat(logits[0]), torch.cat(logits[1])


def calibrate(
    ages: Tensor, genders: Tensor, labels: npt.NDArray[np.int64], sets: Sets
) -> Calibration:
    """Args: logits `(n, 101)` and `(n, 2)`, labels as `labels_of` gives them, sets `(n,)`."""
    known = labels[:, 0] == labels[:, 1]
    prior, temperature = age_calibration(ages[known], labels[known, 0], sets[known])
    of_gender = gender_temperature(
        genders, torch.from_numpy(labels[:, 2]), torch.from_numpy(weights_of(sets))
    )
    return Calibration(prior, temperature, of_gender)


def age_calibration(
    logits: Tensor, ages: npt.NDArray[Any], sets: Sets
) -> tuple[tuple[float, ...], float]:
    """The likeliest proportions of ages, and the temperature.

    It is the one at which the interval holds `COVERAGE` of the set that it fits least.
    """
    weights = torch.from_numpy(weights_of(sets))
    prior = likeliest_prior(logits, torch.from_numpy(ages).float(), weights)
    rounded = tuple(round(value, 3) for value in prior.tolist())
    gaps = []
    for temperature in AGE_TEMPERATURES:
        said = Calibration(rounded, float(temperature)).ages(logits).double().numpy()
        low, high = interval(said)
        inside = (low <= ages) & (ages <= high)
        covered = min(float(inside[sets == name].mean()) for name in np.unique(sets))
        gaps.append(abs(covered - COVERAGE))
    return rounded, round(float(AGE_TEMPERATURES[int(np.argmin(gaps))]), 4)


def likeliest_prior(logits: Tensor, ages: Tensor, weights: Tensor) -> Tensor:
    """By gradient, with a temperature of its own; see `Calibration.age_prior`."""
    basis, classes = between_knots(), torch.arange(AGES).float()
    blur = torch.exp(-0.5 * ((classes - ages[:, None]) / LABEL_NOISE) ** 2)
    prior = torch.zeros(len(KNOTS), requires_grad=True)
    log_temperature = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([prior, log_temperature], lr=0.03)
    for _ in range(ROUNDS):
        said = torch.softmax((logits + basis @ prior) / log_temperature.exp(), 1)
        unlikely = -((said * blur).sum(1) + 1e-6).log()
        off = (said @ classes - ages).abs()
        loss = (weights * (unlikely + OFF_WEIGHT * off)).sum() + STIFFNESS * prior.square().sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return prior.detach()


def gender_temperature(logits: Tensor, gender: Tensor, weights: Tensor) -> float:
    """The likeliest one; prints the calibration error before and after."""
    losses = [
        float(
            (functional.cross_entropy(logits / float(t), gender, reduction="none") * weights).sum()
        )
        for t in GENDER_TEMPERATURES
    ]
    best = float(GENDER_TEMPERATURES[int(np.argmin(losses))])
    for temperature in (1.0, best):
        said = Calibration(gender_temperature=temperature).genders(logits).double().numpy()
        error = calibration_error(said, gender.numpy())
        print(f"gender temperature {temperature:.3f}: calibration error {error:.4f}")
    return round(best, 4)


if __name__ == "__main__":
    main()
