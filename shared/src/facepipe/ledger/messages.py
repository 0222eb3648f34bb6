"""Conversions between the ledger's types and the messages of `facepipe.v1.FaceStore`.

Client and server both go through here, so that a field is named in one place. What the stages
found crosses as the JSON of its part.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from facepipe.domain.analysis import Correction, ImageInfo, Part, PartError
from facepipe.domain.face_fields import FaceCondition
from facepipe.domain.options import AnalysisOptions
from facepipe.domain.status import Status
from facepipe.ledger.states import (
    ImageState,
    ListQuery,
    Page,
    Sort,
    StageRun,
)
from facepipe.stages import STAGE, StageName
from facepipe.v1 import face_store_pb2 as pb

_STATUS_TO_PB = {
    status: cast(pb.Status, pb.Status.Value(f"STATUS_{status.name}")) for status in Status
}
_STATUS_FROM_PB: dict[int, Status] = {number: status for status, number in _STATUS_TO_PB.items()}


def timestamp_to_pb(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message


def timestamp_from_pb(message: Timestamp) -> datetime:
    return message.ToDatetime(tzinfo=UTC)


def status_to_pb(status: Status) -> pb.Status:
    return _STATUS_TO_PB[status]


def status_from_pb(number: int) -> Status:
    """Raises KeyError for a status this version does not know."""
    return _STATUS_FROM_PB[number]


def error_to_pb(error: PartError | None) -> pb.PartError | None:
    return None if error is None else pb.PartError(code=error.code, message=error.message)


def error_from_pb(message: pb.PartError) -> PartError | None:
    return PartError(code=message.code, message=message.message) if message.code else None


def part_document(part: Part) -> bytes:
    """A part as it crosses, and as the ledger keeps it."""
    return part.model_dump_json().encode()


def part_of(stage: StageName, document: bytes) -> Part:
    """The part of a stage. Raises ValueError when it is none, or the stage sends no part."""
    kind = STAGE[stage].part
    if kind is None:
        raise ValueError(f"the stage {stage} sends no part")
    return kind.model_validate_json(document)


def image_to_pb(image: ImageInfo) -> pb.ImageInfo:
    return pb.ImageInfo(
        file_name=image.file_name,
        format=image.format,
        width=image.width,
        height=image.height,
        orientation_applied=image.orientation_applied,
        size_bytes=image.size_bytes,
        damaged=image.damaged,
        missing_share=1.0 - image.decoded_share,
        frame=image.frame,
        preview=image.preview,
        external_id=image.external_id,
        tags=image.tags,
        folder=image.folder,
        options=image.options.model_dump_json().encode() if image.options else b"",
    )


def image_from_pb(message: pb.ImageInfo, image_id: str) -> ImageInfo:
    return ImageInfo(
        width=message.width,
        height=message.height,
        format=message.format,
        orientation_applied=message.orientation_applied or 1,
        sha256=image_id,
        file_name=message.file_name,
        size_bytes=message.size_bytes,
        damaged=message.damaged,
        decoded_share=round(1.0 - message.missing_share, 4),
        frame=message.frame,
        preview=message.preview,
        external_id=message.external_id,
        tags=tuple(message.tags),
        folder=message.folder,
        options=AnalysisOptions.model_validate_json(message.options) if message.options else None,
    )


def run_to_pb(run: StageRun) -> pb.StageRun:
    return pb.StageRun(
        stage=run.stage,
        attempt=run.attempt,
        worker=run.worker,
        started_at=timestamp_to_pb(run.started_at),
        ended_at=timestamp_to_pb(run.ended_at),
        error=error_to_pb(run.error),
    )


def run_from_pb(message: pb.StageRun, image_id: str, generation: int) -> StageRun:
    return StageRun(
        image_id=image_id,
        generation=generation,
        stage=StageName(message.stage),
        attempt=message.attempt,
        worker=message.worker,
        started_at=timestamp_from_pb(message.started_at),
        ended_at=timestamp_from_pb(message.ended_at) if message.HasField("ended_at") else None,
        error=error_from_pb(message.error),
    )


def part_request(run: StageRun) -> pb.SavePartRequest:
    """The frame of a SavePart call; the caller sets the part itself."""
    return pb.SavePartRequest(
        image_id=run.image_id,
        generation=run.generation,
        stage=run.stage,
        timings_ms=dict(run.timings_ms),
        attempt=run.attempt,
        worker=run.worker,
        started_at=timestamp_to_pb(run.started_at),
        ended_at=timestamp_to_pb(run.ended_at),
    )


def run_of_part(request: pb.SavePartRequest) -> StageRun:
    """The run that a SavePart call tells of, its failure included."""
    failed = request.WhichOneof("part") == "failure"
    return StageRun(
        image_id=request.image_id,
        generation=request.generation,
        stage=StageName(request.stage),
        attempt=request.attempt,
        worker=request.worker,
        started_at=timestamp_from_pb(request.started_at),
        ended_at=timestamp_from_pb(request.ended_at) if request.HasField("ended_at") else None,
        timings_ms=dict(request.timings_ms),
        error=error_from_pb(request.failure) if failed else None,
    )


def state_to_pb(state: ImageState) -> pb.Analysis:
    return pb.Analysis(
        image_id=state.image_id,
        generation=state.generation,
        status=status_to_pb(state.status),
        image=image_to_pb(state.image),
        received_at=timestamp_to_pb(state.received_at),
        updated_at=timestamp_to_pb(state.updated_at),
        error=error_to_pb(state.error),
        num_faces=state.num_faces,
        timeline=[run_to_pb(run) for run in state.timeline],
        parts={stage: part_document(part) for stage, part in state.parts.items()},
        traceparent=state.traceparent,
        revision=state.revision,
        corrected=state.corrected,
        corrections=[one.model_dump_json().encode() for one in state.corrections],
        again=status_to_pb(state.again) if state.again else None,
    )


def state_from_pb(message: pb.Analysis) -> ImageState:
    return ImageState(
        image_id=message.image_id,
        generation=message.generation,
        status=status_from_pb(message.status),
        image=image_from_pb(message.image, message.image_id),
        received_at=timestamp_from_pb(message.received_at),
        updated_at=timestamp_from_pb(message.updated_at),
        error=error_from_pb(message.error),
        num_faces=message.num_faces if message.HasField("num_faces") else None,
        timeline=tuple(
            run_from_pb(run, message.image_id, message.generation) for run in message.timeline
        ),
        parts={
            StageName(stage): part_of(StageName(stage), document)
            for stage, document in message.parts.items()
        },
        traceparent=message.traceparent,
        revision=message.revision,
        corrected=message.corrected,
        corrections=tuple(Correction.model_validate_json(one) for one in message.corrections),
        again=status_from_pb(message.again) if message.again else None,
    )


def query_to_pb(query: ListQuery) -> pb.ListAnalysesRequest:
    return pb.ListAnalysesRequest(
        statuses=[status_to_pb(status) for status in query.statuses],
        received_after=timestamp_to_pb(query.received_after),
        received_before=timestamp_to_pb(query.received_before),
        min_faces=query.min_faces,
        max_faces=query.max_faces,
        face=[
            pb.FaceCondition(field=one.field, min=one.low, max=one.high, any_of=one.any_of)
            for one in query.faces
        ],
        name=query.name,
        external_id=query.external_id,
        tags=query.tags,
        folder=query.folder,
        corrected=query.corrected,
        sort=query.sort,
        limit=query.limit,
        cursor=query.cursor,
        with_total=query.with_total,
    )


def query_from_pb(message: pb.ListAnalysesRequest) -> ListQuery:
    """Raises KeyError for an unknown status, ValueError for an unknown order."""

    def number(name: str) -> int | None:
        return getattr(message, name) if message.HasField(name) else None

    def moment(name: str) -> datetime | None:
        return timestamp_from_pb(getattr(message, name)) if message.HasField(name) else None

    return ListQuery(
        statuses=tuple(status_from_pb(status) for status in message.statuses),
        received_after=moment("received_after"),
        received_before=moment("received_before"),
        min_faces=number("min_faces"),
        max_faces=number("max_faces"),
        faces=tuple(
            FaceCondition(
                one.field,
                one.min if one.HasField("min") else None,
                one.max if one.HasField("max") else None,
                tuple(one.any_of),
            )
            for one in message.face
        ),
        name=message.name,
        external_id=message.external_id,
        tags=tuple(message.tags),
        folder=message.folder,
        corrected=message.corrected if message.HasField("corrected") else None,
        sort=Sort(message.sort or Sort.NEWEST),
        limit=min(message.limit or 50, 500),
        cursor=message.cursor,
        with_total=message.with_total,
    )


def page_from_pb(message: pb.ListAnalysesResponse) -> Page:
    return Page(
        images=tuple(state_from_pb(analysis) for analysis in message.analyses),
        next_cursor=message.next_cursor,
        total=message.total if message.HasField("total") else None,
    )
