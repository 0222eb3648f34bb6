"""Conversions between rows of the ledger and the types that the services share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from data_storage_service.progress import PartKind
from data_storage_service.schema import FaceRow, ImageRow, RunRow
from facepipe import part_messages
from facepipe.analysis import AgeGenderPart, AnalysisDocument, ImageInfo, LandmarksPart, PartError
from facepipe.ledger import ImageState, StageName, StageRun
from facepipe.v1 import face_store_pb2 as pb


def put_image_info(row: ImageRow, image: ImageInfo) -> None:
    row.file_name = image.file_name
    row.format = image.format
    row.width = image.width
    row.height = image.height
    row.orientation_applied = image.orientation_applied
    row.size_bytes = image.size_bytes


def put_error(row: ImageRow | RunRow, error: PartError | None) -> None:
    row.error_code = error.code if error else ""
    row.error_message = error.message if error else ""


def error_of(row: ImageRow | RunRow) -> PartError | None:
    if not row.error_code:
        return None
    return PartError(code=row.error_code, message=row.error_message)


def run_of(row: RunRow, generation: int) -> StageRun:
    return StageRun(
        image_id=row.image_id,
        generation=generation,
        stage=StageName(row.stage),
        attempt=row.attempt,
        worker=row.worker,
        started_at=row.started_at,
        ended_at=row.ended_at,
        timings_ms=row.timings_ms,
        error=error_of(row),
    )


def state_of(
    row: ImageRow,
    runs: Iterable[RunRow] = (),
    landmarks: LandmarksPart | None = None,
    agegender: AgeGenderPart | None = None,
) -> ImageState:
    timeline = sorted(runs, key=lambda run: (run.started_at, run.attempt))
    return ImageState(
        image_id=row.image_id,
        generation=row.generation,
        status=row.state,
        image=ImageInfo(
            width=row.width,
            height=row.height,
            format=row.format,
            orientation_applied=row.orientation_applied,
            sha256=row.image_id,
            file_name=row.file_name,
            size_bytes=row.size_bytes,
        ),
        received_at=row.received_at,
        updated_at=row.updated_at,
        error=error_of(row),
        num_faces=row.num_faces,
        timeline=tuple(run_of(run, row.generation) for run in timeline),
        landmarks=landmarks,
        agegender=agegender,
        traceparent=row.traceparent,
    )


def landmarks_payload(part: LandmarksPart) -> bytes:
    return part_messages.landmarks_to_pb(part).SerializeToString()


def agegender_payload(part: AgeGenderPart) -> bytes:
    return part_messages.agegender_to_pb(part).SerializeToString()


def error_payload(error: PartError) -> bytes:
    return pb.PartError(code=error.code, message=error.message).SerializeToString()


def landmarks_in(payloads: Mapping[str, bytes]) -> LandmarksPart | None:
    payload = payloads.get(PartKind.LANDMARKS)
    if payload is None:
        return None
    return part_messages.landmarks_from_pb(pb.LandmarksPart.FromString(payload))


def agegender_in(payloads: Mapping[str, bytes]) -> AgeGenderPart | None:
    payload = payloads.get(PartKind.AGEGENDER)
    if payload is None:
        return None
    return part_messages.agegender_from_pb(pb.AgeGenderPart.FromString(payload))


def agegender_error_in(payloads: Mapping[str, bytes]) -> PartError | None:
    payload = payloads.get(PartKind.AGEGENDER_FAILURE)
    return (
        None if payload is None else part_messages.error_from_pb(pb.PartError.FromString(payload))
    )


def face_rows(document: AnalysisDocument) -> list[FaceRow]:
    """What the index keeps of each face."""
    return [
        FaceRow(
            image_id=document.image.sha256,
            face_index=face.face_index,
            age=face.agegender.age,
            gender=face.agegender.gender,
            confidence=face.confidence,
        )
        for face in document.faces
    ]
