"""Asks the ledger for the numbers behind the plots."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from facepipe.domain.analysis import Gender
from facepipe.ledger.states import (
    NUM_FACES,
    STORED_AT,
    Accuracy,
    Grouping,
    ListQuery,
    Stats,
    StepTime,
)
from plotter_service.statistics import (
    AGE_BIN_YEARS,
    AGE_BINS,
    CONFIDENCE_BINS,
    MANY_FACES,
    Statistics,
    timeline,
)
from plotter_service.unfolding import Counts as Confusion

Groups: TypeAlias = dict[tuple[str, ...], int]


class Counts(Protocol):
    """The part of `FaceStoreClient` that is used."""

    def stats(self) -> Stats: ...

    def count(self, *by: Grouping, where: ListQuery | None = None) -> Groups: ...

    def step_times(self) -> dict[str, StepTime]: ...


def collect(
    ledger: Counts, *, where: ListQuery | None = None, confusion: Confusion | None = None
) -> Statistics:
    """The numbers over all results that are there now.

    Args:
        ledger: that counts.
        where: the results that its filters let through alone, and of their faces those that meet
            its conditions. How long steps took, and how right the models are, is not known of some.
        confusion: of the age and gender model.
    """

    def count(*by: Grouping) -> Groups:
        return ledger.count(*by, where=where)

    by_faces = {int(key): images for (key,), images in count(Grouping(NUM_FACES)).items()}
    by_minute = count(Grouping(STORED_AT, 60.0))
    genders = _genders(count(Grouping("gender")))
    ages = _ages(count(Grouping("gender"), Grouping("age", AGE_BIN_YEARS)))
    return Statistics(
        images=sum(by_faces.values()),
        faces=sum(genders.values()),
        faces_with_age=sum(map(sum, ages.values())),
        reliable_faces=count(Grouping("reliable")).get(("true",), 0),
        ages=ages,
        genders=genders,
        confidences=_confidences(count(Grouping("confidence", 1 / CONFIDENCE_BINS))),
        faces_per_image=_faces_per_image(by_faces),
        step_times=ledger.step_times() if where is None else {},
        accuracy=ledger.stats().accuracy if where is None else Accuracy(),
        timeline=timeline({int(float(key)) // 60: n for (key,), n in by_minute.items()}),
        confusion=confusion,
    )


def _ages(found: Groups) -> dict[Gender, list[int]]:
    ages = {gender: [0] * AGE_BINS for gender in Gender}
    for (gender, age), faces in found.items():
        if age:
            ages[Gender(gender)][min(int(float(age)) // AGE_BIN_YEARS, AGE_BINS - 1)] += faces
    return ages


def _genders(found: Groups) -> dict[Gender, int]:
    return {gender: found.get((gender.value,), 0) for gender in Gender}


def _confidences(found: Groups) -> list[int]:
    bins = [0] * CONFIDENCE_BINS
    for (begin,), faces in found.items():
        if begin:
            bins[min(round(float(begin) * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += faces
    return bins


def _faces_per_image(by_faces: dict[int, int]) -> dict[int, int]:
    """Images with many faces share one bar."""
    counts: dict[int, int] = {}
    for faces, images in by_faces.items():
        bar = min(faces, MANY_FACES)
        counts[bar] = counts.get(bar, 0) + images
    return counts
