"""What the input API answers: models that OpenAPI documents and clients rely on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from facepipe.domain.analysis import ImageId, ImageInfo, ModelInfo, PartError, Status
from facepipe.domain.errors import FacepipeError
from facepipe.ledger.states import (
    Accuracy,
    Difference,
    ImageState,
    ReanalysedImage,
    Reanalysis,
    ReanalysisState,
    StageRun,
    Stats,
)
from facepipe.stages import StageName
from input_service.bulk import Outcome
from input_service.intake import Accepted
from input_service.outlook import Outlook
from input_service.settings import InputSettings

Responses = dict[int | str, dict[str, Any]]
"""How FastAPI has the further answers of a route described."""

_EXAMPLE_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Links(BaseModel):
    """Where to go from here; paths relative to the API's root."""

    self: str
    result: str
    annotated: str
    source: str
    thumbnail: str
    events: str
    trace: str
    corrections: str

    @classmethod
    def of(cls, image_id: str) -> Links:
        root = f"/v1/images/{image_id}"
        return cls(
            self=root,
            result=f"{root}/result",
            annotated=f"{root}/annotated",
            source=f"{root}/source",
            thumbnail=f"{root}/thumbnail.jpg",
            events=f"{root}/events",
            trace=f"{root}/trace",
            corrections=f"{root}/corrections",
        )


class StageRunView(BaseModel):
    """One run of a stage on the image."""

    stage: StageName
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    error: PartError | None

    @classmethod
    def of(cls, run: StageRun) -> StageRunView:
        return cls(
            stage=run.stage,
            attempt=run.attempt,
            worker=run.worker,
            started_at=run.started_at,
            ended_at=run.ended_at,
            error=run.error,
        )


class ImageView(BaseModel):
    """Where an image stands."""

    image_id: ImageId
    status: Status
    generation: int
    reanalysing: bool = Field(
        default=False, description="analysed again; its result stays until the new one is there"
    )
    num_faces: int | None = Field(description="null until faces were looked for")
    error: PartError | None
    image: ImageInfo
    received_at: datetime
    updated_at: datetime
    timeline: list[StageRunView] = Field(
        description="one entry for each run of a stage; empty in a list of images"
    )
    corrected: bool = Field(default=False, description="a person has corrected something")
    links: Links

    @classmethod
    def of(cls, state: ImageState) -> ImageView:
        return cls(
            image_id=state.image_id,
            status=state.status,
            generation=state.generation,
            reanalysing=state.again is not None,
            num_faces=state.num_faces,
            error=state.error,
            image=state.image,
            received_at=state.received_at,
            updated_at=state.updated_at,
            timeline=[StageRunView.of(run) for run in state.timeline],
            corrected=state.corrected,
            links=Links.of(state.image_id),
        )


class ImagePage(BaseModel):
    """A page of images, newest first unless `sort` says otherwise."""

    images: list[ImageView]
    next_cursor: str | None = Field(description="null on the last page")
    total: int | None = Field(
        default=None, description="of all pages; on the first one, null on the others"
    )


class UploadError(BaseModel):
    """Why one file of a call was refused."""

    code: str = Field(examples=["unsupported_image"])
    status: int = Field(examples=[415])
    detail: str

    @classmethod
    def of(cls, error: FacepipeError) -> UploadError:
        return cls(code=error.code, status=error.http_status, detail=error.message)


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


class UploadView(BaseModel):
    """The answer for one file: accepted with an id, or refused with an error."""

    file_name: str = Field(examples=["family.jpg"])
    external_id: str = ""
    tags: list[str] = Field(default_factory=list)
    folder: str = ""
    image_id: ImageId | None = Field(default=None, examples=[_EXAMPLE_ID])
    status: Status | None = Field(default=None, examples=["queued"])
    known: bool = Field(default=False, description="the same bytes had been accepted before")
    links: Links | None = None
    error: UploadError | None = None
    result: dict[str, Any] | None = Field(
        default=None, description="with `wait`: the result document, if it is ready"
    )

    @classmethod
    def of(cls, accepted: Accepted, file_name: str = "") -> UploadView:
        """Of an accepted image, under the name of this call."""
        image = accepted.image
        return cls(
            file_name=file_name or image.file_name,
            external_id=image.external_id,
            tags=list(image.tags),
            folder=image.folder,
            image_id=image.sha256,
            status=accepted.status,
            known=accepted.known,
            links=Links.of(image.sha256),
        )


class UploadAnswer(BaseModel):
    """One entry a file, in the order of the call."""

    images: list[UploadView]


class LimitsView(BaseModel):
    """What an upload may be, as this server is set."""

    max_bytes: int = Field(description="of a file")
    max_pixels: int = Field(description="of an image")
    max_side: int = Field(description="pixels of the longer side of an image")
    max_files: int = Field(description="in one call")
    max_archive_files: int = Field(description="in a zip")
    max_request_bytes: int = Field(description="of a call")
    min_decoded_share: float | None = Field(
        description="of a damaged image, to be accepted; null where damaged ones are refused"
    )
    min_face_px: int = Field(description="the least that a call may ask for")
    max_faces: int = Field(description="the most that a call may ask for")

    @classmethod
    def of(cls, settings: InputSettings) -> LimitsView:
        upload, detector = settings.upload, settings.detector
        return cls(
            max_bytes=upload.max_bytes,
            max_pixels=upload.max_pixels,
            max_side=upload.max_side,
            max_files=upload.max_files,
            max_archive_files=upload.max_archive_files,
            max_request_bytes=upload.max_request_bytes,
            min_decoded_share=None if upload.strict else upload.min_decoded_share,
            min_face_px=detector.min_face_px,
            max_faces=detector.max_faces,
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
    queues: dict[str, int] = Field(description="jobs waiting, by queue; empty when Redis is down")
    inbox: int = Field(description="uploads on disk whose result is not")
    models: dict[str, list[ModelInfo]] = Field(
        description="in use, by part; several where hosts differ; empty when Redis is down"
    )
    problems: dict[str, str] = Field(
        description="why a service cannot work, by its name; empty when all is well"
    )

    @classmethod
    def of(cls, stats: Stats, queues: dict[str, int], inbox: int, outlook: Outlook) -> StatsView:
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
            queues=queues,
            inbox=inbox,
            models=outlook.models,
            problems=outlook.problems,
        )
