"""What the input API answers: models that OpenAPI documents and clients rely on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from facepipe.domain.analysis import ImageId, ImageInfo, PartError
from facepipe.domain.errors import FacepipeError
from facepipe.domain.status import Status
from facepipe.ledger.states import (
    ImageState,
    StageRun,
)
from facepipe.stages import StageName
from input_service.intake import Accepted
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
    max_whole_pixels: int = Field(
        description="of an image of a kind that cannot be decoded in parts, e.g. WebP or HEIC"
    )
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
            max_whole_pixels=upload.max_whole_pixels,
            max_side=upload.max_side,
            max_files=upload.max_files,
            max_archive_files=upload.max_archive_files,
            max_request_bytes=upload.max_request_bytes,
            min_decoded_share=None if upload.strict else upload.min_decoded_share,
            min_face_px=detector.min_face_px,
            max_faces=detector.max_faces,
        )
