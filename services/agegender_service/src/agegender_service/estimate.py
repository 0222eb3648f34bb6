"""From probabilities to an estimate with its doubts. Pure; needs numpy only."""

from __future__ import annotations

import numpy as np

from agegender_service.face_quality import FaceQuality, Probabilities, doubts_about, score
from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import AgeGender, Doubt, Gender

AGE_CLASSES = 101
INTERVAL = (0.1, 0.9)
# Order of the gender probabilities, DeepFace's.
WOMAN, MAN = 0, 1

# What speaks against one of the two alone; everything else speaks against both.
_OF_GENDER_ALONE = frozenset({Doubt.UNCERTAIN_GENDER})
_OF_AGE_ALONE = frozenset({Doubt.WIDE_AGE_RANGE})


def expected_age(age_probabilities: Probabilities) -> float:
    """Expectation over DeepFace's 101 classes, in years; shape `(101,)` in."""
    return float(age_probabilities.astype(np.float64) @ np.arange(AGE_CLASSES))


def age_quantile(age_probabilities: Probabilities, share: float) -> float:
    """The age under which `share` of the probability lies, in years.

    Class k stands for ages from k - 0.5 to k + 0.5, evenly; so the result lies in -0.5..100.5.

    Args:
        age_probabilities: shape `(101,)`, not negative, with a positive sum.
        share: 0-1.
    """
    weights = age_probabilities.astype(np.float64)
    cumulated = np.cumsum(weights)
    target = share * cumulated[-1]
    index = min(int(np.searchsorted(cumulated, target)), AGE_CLASSES - 1)
    below = cumulated[index - 1] if index else 0.0
    inside = (target - below) / weights[index] if weights[index] > 0 else 0.0
    return index - 0.5 + float(np.clip(inside, 0.0, 1.0))


def estimate_face(
    age_probabilities: Probabilities,
    gender_probabilities: Probabilities,
    quality: FaceQuality,
    settings: AgeGenderSettings,
) -> AgeGender:
    """What the result document says of a face.

    Age is the expectation, rounded; its interval holds 80 % of the probability and always the
    age itself. Gender is the likelier one, or unknown when its probability is under the
    threshold; `gender_confidence` is that probability in either case. Each of the two is reliable
    when nothing speaks against it.

    Args:
        age_probabilities: shape `(101,)`, one class a year.
        gender_probabilities: shape `(2,)`, Woman and Man.
        quality: of the picture.
        settings: thresholds.
    """
    age = _years(expected_age(age_probabilities))
    low, high = (_years(age_quantile(age_probabilities, share)) for share in INTERVAL)
    low, high = min(low, age), max(high, age)
    confidence = float(np.clip(gender_probabilities.max(), 0.0, 1.0))
    gender = Gender.MALE if gender_probabilities.argmax() == MAN else Gender.FEMALE
    if confidence < settings.gender_threshold:
        gender = Gender.UNKNOWN
    doubts = doubts_about(quality, settings)
    if high - low > settings.max_age_range:
        doubts.append(Doubt.WIDE_AGE_RANGE)
    if confidence < max(settings.sure_gender, settings.gender_threshold):
        doubts.append(Doubt.UNCERTAIN_GENDER)
    age_reliable = _OF_GENDER_ALONE.issuperset(doubts)
    gender_reliable = _OF_AGE_ALONE.issuperset(doubts)
    return AgeGender(
        age=age,
        gender=gender,
        age_low=low,
        age_high=high,
        gender_confidence=round(confidence, 4),
        reliable=age_reliable and gender_reliable,
        age_reliable=age_reliable,
        gender_reliable=gender_reliable,
        quality=round(score(quality, settings), 3),
        reasons=doubts,
    )


def switched_off() -> AgeGender:
    """What is said of a face when nobody wants to know: nothing."""
    return AgeGender(reasons=[Doubt.SWITCHED_OFF])


def _years(value: float) -> int:
    return int(np.clip(round(value), 0, AGE_CLASSES - 1))
