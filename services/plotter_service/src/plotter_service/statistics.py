"""The numbers behind the plots. Pure types, and how counts are put into bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from facepipe.domain.analysis import Gender
from facepipe.ledger.states import Accuracy, StepTime
from plotter_service.unfolding import Counts

AGE_BIN_YEARS = 5
AGE_BINS = 21
CONFIDENCE_BINS = 20
# Images with more faces share one bar.
MANY_FACES = 10
# More bars than this are not told apart; the next longer period is taken.
MAX_PERIODS = 60


class Period(StrEnum):
    """What one bar of the plot over time covers."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"

    def start_of(self, moment: datetime) -> datetime:
        """The beginning of the period in which `moment` lies."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        match self:
            case Period.MINUTE:
                return moment.replace(second=0, microsecond=0)
            case Period.HOUR:
                return moment.replace(minute=0, second=0, microsecond=0)
            case Period.DAY:
                return midnight
            case Period.MONTH:
                return midnight.replace(day=1)
            case Period.YEAR:
                return midnight.replace(month=1, day=1)

    def next_after(self, start: datetime) -> datetime:
        """The beginning of the period that follows the one beginning at `start`."""
        longest = {
            Period.MINUTE: timedelta(minutes=1),
            Period.HOUR: timedelta(hours=1),
            Period.DAY: timedelta(days=1),
            Period.MONTH: timedelta(days=31),
            Period.YEAR: timedelta(days=366),
        }
        return self.start_of(start + longest[self])


@dataclass(frozen=True, slots=True)
class Timeline:
    """Images stored in each period, without a gap; `starts` are UTC."""

    period: Period = Period.DAY
    starts: tuple[datetime, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that is plotted.

    Attributes:
        ages: by gender, how many faces in each bin of `AGE_BIN_YEARS` years.
        confidences: how many faces in each of `CONFIDENCE_BINS` equal bins of 0-1.
        faces_per_image: how many images with so many faces.
        step_times: by step, over the newest results.
        accuracy: on the images that people have corrected.
        confusion: what the age and gender model takes for what, `(2, 8, 3, 8)`; None if unknown.
    """

    images: int = 0
    faces: int = 0
    faces_with_age: int = 0
    reliable_faces: int = 0
    ages: Mapping[Gender, Sequence[int]] = field(default_factory=dict)
    genders: Mapping[Gender, int] = field(default_factory=dict)
    confidences: Sequence[int] = ()
    faces_per_image: Mapping[int, int] = field(default_factory=dict)
    step_times: Mapping[str, StepTime] = field(default_factory=dict)
    timeline: Timeline = Timeline()
    accuracy: Accuracy = field(default_factory=Accuracy)
    confusion: Counts | None = None


def timeline(images_by_minute: Mapping[int, int]) -> Timeline:
    """Images by the shortest period that gives at most `MAX_PERIODS` bars.

    Args:
        images_by_minute: how many images by minute since 1970, UTC.
    """
    if not images_by_minute:
        return Timeline()
    counts = {_moment(minute): count for minute, count in images_by_minute.items()}
    for period in Period:
        starts = _starts(period, min(counts), max(counts))
        if starts is not None:
            break
    else:  # more years than bars: the newest ones
        period = Period.YEAR
        newest = max(counts)
        starts = _starts(period, newest.replace(year=newest.year - MAX_PERIODS + 1, day=1), newest)
    bars = dict.fromkeys(starts or [], 0)
    for moment, count in counts.items():
        start = period.start_of(moment)
        if start in bars:
            bars[start] += count
    return Timeline(period, tuple(bars), tuple(bars.values()))


def _starts(period: Period, first: datetime, last: datetime) -> list[datetime] | None:
    """All beginnings from `first` to `last`; None when there are too many."""
    starts = [period.start_of(first)]
    while (following := period.next_after(starts[-1])) <= last:
        starts.append(following)
        if len(starts) > MAX_PERIODS:
            return None
    return starts


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
