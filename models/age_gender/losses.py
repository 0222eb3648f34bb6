"""What the network is told: intervals of age, exact ages, genders."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from network import AGES

EXPECTATION_WEIGHT = 0.1  # a year off costs as much as 0.1 nat
SMOOTHNESS_WEIGHT = 0.02
INFANT_GENDER_WEIGHT = 0.3  # the labels of infants are close to guesses
INFANT_AGE = 3
LABEL_SMOOTHING = 0.02

# Within a bin a label says nothing. The ages that the network gives to the faces of a bin shall
# have the mean that ages in photographs have there, or its expectation leans to one side: the
# density between FairFace's bins, a straight line from middle to middle, gives these.
BIN_MEANS = {0: 1.0, 3: 6.3, 10: 15.0, 20: 25.0, 30: 34.1, 40: 44.0, 50: 53.9, 60: 63.8, 70: 76.0}
BIN_MEAN_WEIGHT = 0.01

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of a batch, each `(n,)` int64; `age_low == age_high` where the age is known."""

    age_low: Tensor
    age_high: Tensor
    gender: Tensor


def expected_age(age_logits: Tensor) -> Tensor:
    """Mean of the age distribution in years, as DeepFace computes it; `(n,)`."""
    ages = torch.arange(AGES, dtype=age_logits.dtype)
    return (age_logits.softmax(1) * ages).sum(1)


def age_loss(age_logits: Tensor, targets: Targets) -> Tensor:
    """Likelihood of the interval, or a soft label and its expectation; mean over the batch.

    Within an interval a label says nothing, so the curvature of the logits is kept small:
    the distribution runs smoothly through the borders of the bins.
    """
    log_probability = age_logits.log_softmax(1)
    ages = torch.arange(AGES, dtype=age_logits.dtype)
    low, high = targets.age_low[:, None], targets.age_high[:, None]
    inside = (ages >= low) & (ages <= high)
    interval = -torch.logsumexp(log_probability.masked_fill(~inside, -1e4), 1)

    width = _label_noise(targets.age_low).unsqueeze(1)
    soft = torch.softmax(-0.5 * ((ages - low) / width) ** 2, 1)
    entropy = -(soft * (soft + _EPSILON).log()).sum(1)
    exact = -(soft * log_probability).sum(1) - entropy

    expectation = (log_probability.exp() * ages).sum(1)
    below = functional.relu(targets.age_low - expectation)
    above = functional.relu(expectation - targets.age_high)

    known = targets.age_low == targets.age_high
    curvature = (age_logits[:, 2:] - 2 * age_logits[:, 1:-1] + age_logits[:, :-2]).square().mean(1)
    loss = torch.where(known, exact, interval)
    terms: Tensor = loss + EXPECTATION_WEIGHT * (below + above) + SMOOTHNESS_WEIGHT * curvature
    return terms.mean() + BIN_MEAN_WEIGHT * _off_bin_means(log_probability, inside, known, targets)


def _off_bin_means(
    log_probability: Tensor, inside: Tensor, known: Tensor, targets: Targets
) -> Tensor:
    """How far each bin's mean age is from what it should be: squared years, a mean over faces."""
    ages = torch.arange(AGES, dtype=log_probability.dtype)
    within = log_probability.masked_fill(~inside, -1e4).softmax(1)
    means = (within * ages).sum(1)
    off = log_probability.new_zeros(())
    for low, natural in BIN_MEANS.items():
        of_bin = (targets.age_low == low) & ~known
        if of_bin.any():
            off = off + of_bin.sum() * (means[of_bin].mean() - natural).square()
    return off / len(means)


def gender_loss(gender_logits: Tensor, targets: Targets) -> Tensor:
    """Cross entropy with a little label smoothing; infants count less."""
    loss = functional.cross_entropy(
        gender_logits, targets.gender, reduction="none", label_smoothing=0.02
    )
    weight = torch.where(targets.age_high < INFANT_AGE, INFANT_GENDER_WEIGHT, 1.0)
    return (loss * weight).sum() / weight.sum()


def _label_noise(age: Tensor) -> Tensor:
    """Standard deviation of an exact label in years: ages of adults are less certain."""
    return (1.0 + 0.04 * age.float()).clamp(max=3.5)
