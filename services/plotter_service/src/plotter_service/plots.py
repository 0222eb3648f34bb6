"""What is plotted: each plot as data, without saying how it is drawn. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from facepipe.domain.analysis import Gender
from plotter_service.statistics import (
    AGE_BIN_YEARS,
    AGE_BINS,
    CONFIDENCE_BINS,
    MANY_FACES,
    Period,
    Statistics,
)
from plotter_service.unfolding import (
    BAND_YEARS,
    BANDS,
    SAID_GENDERS,
    TRUE_GENDERS,
    Counts,
    unfold,
)

Numbers: TypeAlias = npt.NDArray[Any]

_GENDERS = (Gender.FEMALE, Gender.MALE, Gender.UNKNOWN)
# Known steps in the order in which an image goes through them; others follow by name.
_STEPS = ("decode", "detect", "landmarks", "crops", "agegender", "annotate", "store")
_FORMATS = {
    Period.MINUTE: "%d %b %H:%M",
    Period.HOUR: "%d %b %H:00",
    Period.DAY: "%d %b %Y",
    Period.MONTH: "%b %Y",
    Period.YEAR: "%Y",
}


class Series(BaseModel):
    """Numbers that share a colour; one for each of the plot's categories.

    `low` and `high` are the ends of their 80 % intervals, where these are known.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    values: list[float]
    low: list[float] | None = None
    high: list[float] | None = None


class Plot(BaseModel):
    """Bars: categories along one axis, one or more series along the other.

    Attributes:
        name: of its files.
        stacked: whether the series of a category add up, or stand side by side.
        horizontal: whether the categories run downwards, which long names need.
        mirrored: whether the first of two series runs to the left, as in a pyramid of ages.
        note: a sentence on what was counted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    x_label: str
    y_label: str
    categories: list[str]
    series: list[Series]
    stacked: bool = False
    horizontal: bool = False
    mirrored: bool = False
    note: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(value for series in self.series for value in series.values)


def age_by_gender(statistics: Statistics) -> Plot:
    bins = [f"{low}-{low + AGE_BIN_YEARS - 1}" for low in range(0, 100, AGE_BIN_YEARS)] + ["100+"]
    return Plot(
        name="age_by_gender",
        title="Age by gender",
        x_label="estimated age (years)",
        y_label="faces",
        categories=bins,
        series=[
            Series(name=gender.value, values=list(statistics.ages.get(gender, [0] * AGE_BINS)))
            for gender in _GENDERS
        ],
        stacked=True,
        note=f"{_count(statistics.faces_with_age, 'face')} with an age, "
        f"{statistics.reliable_faces:,} of them reliable",
    )


def age_pyramid(statistics: Statistics) -> Plot:
    said = _bands(statistics)
    counted = f"{_count(int(said.sum()), 'face')} with an age"
    if statistics.confusion is None:
        faces = [_series(gender, said[n]) for n, gender in enumerate(TRUE_GENDERS)]
        note = f"{counted}, as the model says; how it errs was not measured"
    else:
        found = unfold(said, statistics.confusion)
        ends = zip(TRUE_GENDERS, found.faces, found.low, found.high, strict=True)
        faces = [_series(gender, *numbers) for gender, *numbers in ends]
        note = f"{counted}, corrected for how the model errs; lines: 80 % intervals"
    return Plot(
        name="age_pyramid",
        title="Age pyramid",
        x_label="faces",
        y_label="age (years)",
        categories=[*_band_names()][::-1],
        series=faces,
        horizontal=True,
        mirrored=True,
        note=note,
    )


def _bands(statistics: Statistics) -> Counts:
    """Faces by said gender and band of ages, `(3, 8)`."""
    bands = np.zeros((len(SAID_GENDERS), BANDS), np.int64)
    for n, gender in enumerate(SAID_GENDERS):
        for place, faces in enumerate(statistics.ages.get(gender, [])):
            bands[n, min(place * AGE_BIN_YEARS // BAND_YEARS, BANDS - 1)] += faces
    return bands


def _band_names() -> Iterator[str]:
    for low in range(0, BAND_YEARS * (BANDS - 1), BAND_YEARS):
        yield f"{low}-{low + BAND_YEARS - 1}"
    yield f"{BAND_YEARS * (BANDS - 1)}+"


def _series(gender: Gender, faces: Numbers, *ends: Numbers) -> Series:
    """The oldest first."""
    values, *ends_found = ([round(float(n), 1) for n in some[::-1]] for some in (faces, *ends))
    low, high = ends_found or (None, None)
    return Series(name=gender.value, values=values, low=low, high=high)


def gender_split(statistics: Statistics) -> Plot:
    return Plot(
        name="gender_split",
        title="Gender",
        x_label="faces",
        y_label="estimated gender",
        categories=[gender.value for gender in _GENDERS],
        series=[Series(name="faces", values=[statistics.genders.get(g, 0) for g in _GENDERS])],
        horizontal=True,
        note=f"{_count(statistics.faces, 'face')} in all",
    )


def faces_per_image(statistics: Statistics) -> Plot:
    counts = statistics.faces_per_image
    categories = [*(str(number) for number in range(MANY_FACES)), f"{MANY_FACES}+"]
    return Plot(
        name="faces_per_image",
        title="Faces per image",
        x_label="faces in the image",
        y_label="images",
        categories=categories,
        series=[Series(name="images", values=[counts.get(n, 0) for n in range(MANY_FACES + 1)])],
        note=f"{_count(statistics.images, 'image')}, {_count(statistics.faces, 'face')}",
    )


def confidence(statistics: Statistics) -> Plot:
    width = 1 / CONFIDENCE_BINS
    return Plot(
        name="confidence",
        title="Confidence of the detections",
        x_label="confidence, from (0-1)",
        y_label="faces",
        categories=[f"{index * width:.2f}" for index in range(CONFIDENCE_BINS)],
        series=[Series(name="faces", values=list(statistics.confidences or [0]))],
        note=f"{_count(statistics.faces, 'face')} in all",
    )


def stage_times(statistics: Statistics) -> Plot:
    times = {step: time for step, time in statistics.step_times.items() if step != "queued"}
    steps = [step for step in _STEPS if step in times] + sorted(times.keys() - set(_STEPS))
    newest = max((times[step].count for step in steps), default=0)
    return Plot(
        name="stage_times",
        title="Time per stage",
        x_label="time (ms)",
        y_label="stage",
        categories=steps,
        series=[
            Series(name="median", values=[round(times[step].median_ms, 1) for step in steps]),
            Series(name="90th percentile", values=[round(times[step].p90_ms, 1) for step in steps]),
        ],
        horizontal=True,
        note=f"the newest {_count(newest, 'run')}, of images analysed again too",
    )


def images_over_time(statistics: Statistics) -> Plot:
    line = statistics.timeline
    return Plot(
        name="images_over_time",
        title="Images over time",
        x_label=f"{line.period} (UTC)",
        y_label=f"images stored per {line.period}",
        categories=[start.strftime(_FORMATS[line.period]) for start in line.starts],
        series=[Series(name="images", values=list(line.counts))],
        note=f"{_count(statistics.images, 'image')} in all",
    )


def own_accuracy(statistics: Statistics) -> Plot:
    known = statistics.accuracy
    shares = {
        "precision": known.precision,
        "recall": known.recall,
        "gender right": known.gender_right,
    }
    there = {name: round(100 * share, 1) for name, share in shares.items() if share is not None}
    note = f"{_count(known.images, 'image')} that somebody corrected"
    if known.age_error_years is not None:
        over = _count(known.ages, "face")
        note += f"; age {known.age_error_years:.1f} years off on average, over {over}"
    return Plot(
        name="own_accuracy",
        title="How right it is on your photographs",
        x_label="per cent",
        y_label="measure",
        categories=list(there),
        series=[Series(name="per cent", values=list(there.values()))],
        horizontal=True,
        note=note,
    )


PLOTS: Sequence[Callable[[Statistics], Plot]] = (
    age_by_gender,
    age_pyramid,
    gender_split,
    faces_per_image,
    confidence,
    stage_times,
    images_over_time,
    own_accuracy,
)
NAMES = tuple(plot.__name__ for plot in PLOTS)


def plots_of(statistics: Statistics) -> list[Plot]:
    """All plots, in the order in which they are shown."""
    return [plot(statistics) for plot in PLOTS]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
