"""What the input API answers of many images at once: bulk calls, reanalyses, statistics."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from math import isinf

from pydantic import BaseModel, Field

from facepipe.domain.analysis import ImageId, ModelInfo, PartError
from facepipe.domain.status import Status
from facepipe.ledger.states import (
    Accuracy,
    Difference,
    ReanalysedImage,
    Reanalysis,
    ReanalysisState,
    Stats,
)
from input_service.bulk import Outcome
from input_service.outlook import Outlook
from input_service.stage_loads import StageLoad
from input_service.views import UploadError


class BulkView(BaseModel):
    """What a call on many images has done."""

    done: int
    left: int = Field(description="that the filter lets through beyond `limit`; call again")
    errors: dict[str, UploadError] = Field(description="by image id: why it could not be done")

    @classmethod
    def of(cls, outcome: Outcome) -> BulkView:
        errors = {image_id: UploadError.of(one) for image_id, one in outcome.errors.items()}
        return cls(done=outcome.done, left=outcome.left, errors=errors)


class DifferenceView(BaseModel):
    """What was found otherwise than before.

    A face is the same one where the boxes share half of what they cover together.
    """

    faces_before: int
    faces_after: int
    faces_gained: int
    faces_lost: int
    ages_moved: int
    years_moved: int = Field(description="sum over the ages that moved, up or down")
    genders_changed: int

    @classmethod
    def of(cls, difference: Difference) -> DifferenceView:
        return cls(**asdict(difference))


class ReanalysedImageView(BaseModel):
    """An image whose result is another one now, or that could not be done."""

    image_id: ImageId
    state: ReanalysisState
    difference: DifferenceView
    error: PartError | None

    @classmethod
    def of(cls, image: ReanalysedImage) -> ReanalysedImageView:
        return cls(
            image_id=image.image_id,
            state=image.state,
            difference=DifferenceView.of(image.difference),
            error=image.error,
        )


class ReanalysisView(BaseModel):
    """How far a reanalysis is, and what it changed so far."""

    reanalysis_id: str
    created_at: datetime
    is_finished: bool
    total: int
    images: dict[ReanalysisState, int] = Field(
        description="how many stand where; skipped ones have no upload or no result any more"
    )
    difference: DifferenceView = Field(description="over all images that are done")
    changed: list[ReanalysedImageView] = Field(
        description="images with a difference or an error, a page of them"
    )
    next_cursor: str | None = Field(description="null on the last page")
    links: dict[str, str]

    @classmethod
    def of(cls, found: Reanalysis) -> ReanalysisView:
        open_ones = (ReanalysisState.WAITING, ReanalysisState.RUNNING)
        return cls(
            reanalysis_id=found.reanalysis_id,
            created_at=found.created_at,
            is_finished=not any(found.images[state] for state in open_ones),
            total=sum(found.images.values()),
            images=dict(found.images),
            difference=DifferenceView.of(found.difference),
            changed=[ReanalysedImageView.of(image) for image in found.changed],
            next_cursor=found.next_cursor or None,
            links={"self": f"/v1/reanalyses/{found.reanalysis_id}"},
        )


class AccuracyView(BaseModel):
    """How right the models are on the images that people have corrected."""

    images: int = Field(description="that were corrected")
    found: int = Field(description="faces that were found, and are some")
    not_faces: int = Field(description="what was found and is no face")
    missed: int = Field(description="faces that people had to draw")
    precision: float | None = Field(description="found / (found + not_faces)")
    recall: float | None = Field(description="found / (found + missed)")
    ages: int = Field(description="faces whose true age is known")
    age_error_years: float | None = Field(description="of these, the mean error")
    genders: int = Field(description="faces whose true gender is known, and that were judged")
    gender_right: float | None = Field(description="of these, the share that is right")

    @classmethod
    def of(cls, known: Accuracy) -> AccuracyView:
        return cls.model_validate({name: getattr(known, name) for name in cls.model_fields})


class StageLoadView(BaseModel):
    """What a stage has to do on all hosts, and how fast it gets done."""

    queued: int = Field(description="jobs that wait for a worker")
    retrying: int = Field(description="jobs that have failed and wait for their next attempt")
    running: int = Field(description="jobs that a worker has in hand")
    unfinished: int = Field(description="queued, retrying and running together")
    oldest_s: float = Field(
        description="age of the oldest queued job, since it was due; 0 when none waits"
    )
    jobs_per_s: float = Field(description="jobs that ended, by the last minute")
    workers: int = Field(description="worker processes")
    hosts: int = Field(description="machines that they are on")
    time_to_empty_s: float | None = Field(
        description="until all of it is done at this rate; null while nothing gets done"
    )

    @classmethod
    def of(cls, load: StageLoad) -> StageLoadView:
        values = {name: getattr(load, name) for name in cls.model_fields}
        if isinf(load.time_to_empty_s):
            values["time_to_empty_s"] = None
        return cls.model_validate(values)


class StatsView(BaseModel):
    """Numbers for dashboards. accepted = stored + partial + failed + deleted + in_flight."""

    accepted: int
    in_flight: int
    stored: int
    partial: int
    failed: int
    deleted: int
    images_by_status: dict[Status, int]
    faces: int
    faces_by_gender: dict[str, int]
    stored_last_hour: int
    accuracy: AccuracyView
    paused_at: datetime | None = Field(
        description="since when the workers rest, see `/v1/queue/pause`; null while work goes on"
    )
    queues: dict[str, int] = Field(description="jobs waiting, by queue; empty when Redis is down")
    stages: dict[str, StageLoadView] = Field(
        description="what each stage has to do, by its queue; empty when Redis is down"
    )
    inbox: int = Field(
        description="uploads whose result is not there, as counted every two seconds"
    )
    models: dict[str, list[ModelInfo]] = Field(
        description="in use, by part; several where hosts differ; empty when Redis is down"
    )
    problems: dict[str, str] = Field(
        description="why a service cannot work, by its name; empty when all is well"
    )

    @classmethod
    def of(cls, stats: Stats, inbox: int, outlook: Outlook) -> StatsView:
        by_status = {status: stats.images_by_status.get(status, 0) for status in Status}
        return cls(
            accepted=stats.accepted,
            in_flight=sum(number for status, number in by_status.items() if not status.is_final),
            stored=by_status[Status.STORED],
            partial=by_status[Status.PARTIAL],
            failed=by_status[Status.FAILED],
            deleted=by_status[Status.DELETED],
            images_by_status=by_status,
            faces=stats.faces,
            faces_by_gender={str(key): value for key, value in stats.faces_by_gender.items()},
            stored_last_hour=stats.stored_last_hour,
            accuracy=AccuracyView.of(stats.accuracy),
            paused_at=stats.paused_at,
            queues={queue: load.queued for queue, load in outlook.loads.items()},
            stages={queue: StageLoadView.of(load) for queue, load in outlook.loads.items()},
            inbox=inbox,
            models=outlook.models,
            problems=outlook.problems,
        )
