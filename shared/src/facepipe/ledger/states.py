"""What the ledger of images tells: states, runs of stages, pages and numbers. Pure types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from facepipe.domain.analysis import Correction, Gender, ImageInfo, Part, PartError
from facepipe.domain.face_fields import FaceCondition
from facepipe.domain.status import Status
from facepipe.stages import StageName

_Part = TypeVar("_Part", bound=Part)


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of a stage on one image.

    Attributes:
        attempt: 1 for the first try of this generation.
        worker: name of the RQ worker.
        ended_at: None while it is running, or when its worker died.
        timings_ms: how long the steps inside took, e.g. `{"detect": 41.2}`.
    """

    image_id: str
    generation: int
    stage: StageName
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    error: PartError | None = None


@dataclass(frozen=True, slots=True)
class ImageState:
    """Where an image stands, and with `include_parts` what is known of it.

    `revision` is the number of its latest change; all changes of the ledger are numbered.
    `corrections` are there when it was asked for alone, `corrected` says whether there are some.
    `again` is where the work stands while an image with a result is analysed once more,
    `begun_again_at` when that began, for the ledger's own use; the result stays until the new one
    is there.
    """

    image_id: str
    generation: int
    status: Status
    image: ImageInfo
    received_at: datetime
    updated_at: datetime
    error: PartError | None = None
    num_faces: int | None = None
    timeline: tuple[StageRun, ...] = ()
    parts: Mapping[StageName, Part] = field(default_factory=dict)
    traceparent: str = ""
    revision: int = 0
    corrected: bool = False
    corrections: tuple[Correction, ...] = ()
    again: Status | None = None
    begun_again_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Nothing is to be done on it."""
        return self.again is None and self.status.is_final

    def part(self, kind: type[_Part]) -> _Part | None:
        """The part of that type, if it is here."""
        return next((part for part in self.parts.values() if isinstance(part, kind)), None)


@dataclass(frozen=True, slots=True)
class Registration:
    """Answer to a registration: the state, and whether this call entered it."""

    state: ImageState
    created: bool


class Role(StrEnum):
    """Work that one process at a time does, of those that share a ledger and its folders."""

    RECONCILER = "reconciler"
    WEBHOOKS = "webhooks"


class Sort(StrEnum):
    """The order of a listing; a minus stands before what begins with the largest."""

    NEWEST = "-received_at"
    OLDEST = "received_at"
    CHANGED_LAST = "-updated_at"
    CHANGED_FIRST = "updated_at"
    NAME = "file_name"
    NAME_BACKWARDS = "-file_name"
    MOST_FACES = "-num_faces"
    FEWEST_FACES = "num_faces"

    @property
    def key(self) -> str:
        return self.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.startswith("-")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Filters of a listing; every one that is set must hold.

    The conditions on faces match an image when one and the same face meets them all. `name` is
    part of the file name, `tags` must all be there, in `folder` are those of the folders in it.
    `corrected`: whether a person has corrected something.
    With `with_total` all images that the filters let through are counted.
    """

    statuses: tuple[Status, ...] = ()
    received_after: datetime | None = None
    received_before: datetime | None = None
    min_faces: int | None = None
    max_faces: int | None = None
    faces: tuple[FaceCondition, ...] = ()
    name: str = ""
    external_id: str = ""
    tags: tuple[str, ...] = ()
    folder: str = ""
    corrected: bool | None = None
    sort: Sort = Sort.NEWEST
    limit: int = 50
    cursor: str = ""
    with_total: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of images; `next_cursor` is empty on the last one, `total` None unless asked for."""

    images: tuple[ImageState, ...]
    next_cursor: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Images that changed, in the order of their changes, and the number to go on from."""

    images: tuple[ImageState, ...]
    revision: int


class ReanalysisState(StrEnum):
    """Where an image of a reanalysis stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Difference:
    """What an analysis found otherwise than the one before.

    A face is the same one where the boxes share half of what they cover together; of such,
    ages and genders are compared. `years_moved` is the sum over the ages that moved.
    """

    faces_before: int = 0
    faces_after: int = 0
    faces_gained: int = 0
    faces_lost: int = 0
    ages_moved: int = 0
    years_moved: int = 0
    genders_changed: int = 0


@dataclass(frozen=True, slots=True)
class ReanalysedImage:
    """An image that another result came of, or none."""

    image_id: str
    state: ReanalysisState
    difference: Difference
    error: PartError | None = None


@dataclass(frozen=True, slots=True)
class Reanalysis:
    """Images that are analysed again, how many stand where, and what changed so far."""

    reanalysis_id: str
    created_at: datetime
    images: Mapping[ReanalysisState, int]
    difference: Difference
    changed: tuple[ReanalysedImage, ...] = ()
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How right the models are on the images that people have corrected.

    Attributes:
        images: that were corrected.
        found: faces that were found, and are some.
        not_faces: what was found and is no face.
        missed: faces that people had to draw.
        ages: faces whose estimated and true age are known.
        age_error_years: the mean of how far apart these are; None without any.
        genders: faces whose estimated and true gender are known.
        genders_right: of these, how many are the same.
    """

    images: int = 0
    found: int = 0
    not_faces: int = 0
    missed: int = 0
    ages: int = 0
    age_error_years: float | None = None
    genders: int = 0
    genders_right: int = 0

    @property
    def precision(self) -> float | None:
        """Share of what was found that is a face."""
        return _share(self.found, self.found + self.not_faces)

    @property
    def recall(self) -> float | None:
        """Share of the faces that were found."""
        return _share(self.found, self.found + self.missed)

    @property
    def gender_right(self) -> float | None:
        return _share(self.genders_right, self.genders)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers over the whole ledger.

    `accepted` equals the sum of `images_by_status`, the deleted ones included.
    """

    images_by_status: Mapping[Status, int]
    accepted: int
    faces: int
    faces_by_gender: Mapping[Gender, int]
    stored_last_hour: int
    revision: int = 0
    accuracy: Accuracy = field(default_factory=Accuracy)
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """A field by which is counted; with a `width`, by bins that begin at multiples of it."""

    field: str
    width: float = 0.0


NUM_FACES = "num_faces"
STORED_AT = "stored_at"
"""Results are counted by these two fields; the moment is in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long a step took, in milliseconds, over `count` results."""

    median_ms: float
    p90_ms: float
    count: int
