"""Asks the ledger for the numbers behind the plots."""

from __future__ import annotations

from typing import Protocol

from facepipe.domain.analysis import Gender
from facepipe.ledger.states import NUM_FACES, STORED_AT, Grouping, Stats, StepTime
from plotter_service.statistics import (
    AGE_BIN_YEARS,
    AGE_BINS,
    CONFIDENCE_BINS,
    MANY_FACES,
    Statistics,
    timeline,
)


class Counts(Protocol):
    """The part of `FaceStoreClient` that is used."""

    def stats(self) -> Stats: ...

    def count(self, *by: Grouping) -> dict[tuple[str, ...], int]: ...

    def step_times(self) -> dict[str, StepTime]: ...


def collect(ledger: Counts) -> Statistics:
    """The numbers over all results that are there now."""
    by_faces = {int(key): count for (key,), count in ledger.count(Grouping(NUM_FACES)).items()}
    by_minute = ledger.count(Grouping(STORED_AT, 60.0))
    reliable = ledger.count(Grouping("reliable"))
    ages = _ages(ledger)
    return Statistics(
        images=sum(by_faces.values()),
        faces=sum(faces * count for faces, count in by_faces.items()),
        faces_with_age=sum(map(sum, ages.values())),
        reliable_faces=reliable.get(("true",), 0),
        ages=ages,
        genders=_genders(ledger),
        confidences=_confidences(ledger),
        faces_per_image=_faces_per_image(by_faces),
        step_times=ledger.step_times(),
        accuracy=ledger.stats().accuracy,
        timeline=timeline({int(float(key)) // 60: n for (key,), n in by_minute.items()}),
    )


def _ages(ledger: Counts) -> dict[Gender, list[int]]:
    ages = {gender: [0] * AGE_BINS for gender in Gender}
    found = ledger.count(Grouping("gender"), Grouping("age", AGE_BIN_YEARS))
    for (gender, age), count in found.items():
        if age:
            ages[Gender(gender)][min(int(float(age)) // AGE_BIN_YEARS, AGE_BINS - 1)] += count
    return ages


def _genders(ledger: Counts) -> dict[Gender, int]:
    counts = ledger.count(Grouping("gender"))
    return {gender: counts.get((gender.value,), 0) for gender in Gender}


def _confidences(ledger: Counts) -> list[int]:
    bins = [0] * CONFIDENCE_BINS
    for (begin,), count in ledger.count(Grouping("confidence", 1 / CONFIDENCE_BINS)).items():
        if begin:
            bins[min(round(float(begin) * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += count
    return bins


def _faces_per_image(by_faces: dict[int, int]) -> dict[int, int]:
    """Images with many faces share one bar."""
    counts: dict[int, int] = {}
    for faces, images in by_faces.items():
        bar = min(faces, MANY_FACES)
        counts[bar] = counts.get(bar, 0) + images
    return counts
