"""Conversions between rows of the ledger and the types that the services share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from data_storage_service.schema import ImageRow, PartRow, ReanalysedRow, RunRow
from facepipe.domain.analysis import AnalysisDocument, Correction, ImageInfo, Part, PartError
from facepipe.domain.face_fields import FACE_FIELDS
from facepipe.domain.options import AnalysisOptions
from facepipe.domain.status import Status
from facepipe.ledger.messages import part_of
from facepipe.ledger.states import ImageState, StageRun
from facepipe.stages import StageName


def put_image_info(row: ImageRow, image: ImageInfo) -> None:
    row.file_name = image.file_name
    row.format = image.format
    row.width = image.width
    row.height = image.height
    row.orientation_applied = image.orientation_applied
    row.size_bytes = image.size_bytes
    row.damaged = image.damaged
    row.decoded_share = image.decoded_share
    row.frame = image.frame
    row.preview = image.preview
    row.external_id = image.external_id
    row.tags = "\n".join(["", *image.tags, ""]) if image.tags else ""
    row.folder = image.folder
    row.options = image.options.model_dump_json() if image.options else ""


def tags_of(column: str) -> tuple[str, ...]:
    return tuple(column.strip("\n").split("\n")) if column else ()


def put_error(row: ImageRow | RunRow | PartRow | ReanalysedRow, error: PartError | None) -> None:
    row.error_code = error.code if error else ""
    row.error_message = shown_message(error)


def shown_message(error: PartError | None) -> str:
    """Without zero bytes, which a library may have put there and PostgreSQL does not keep."""
    return error.message.replace("\0", "") if error else ""


def error_of(row: ImageRow | RunRow | PartRow | ReanalysedRow) -> PartError | None:
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
    corrections: Iterable[Correction] = (),
) -> ImageState:
    timeline = sorted(runs, key=lambda run: (run.started_at, run.attempt))
    return ImageState(
        image_id=row.image_id,
        generation=row.generation,
        status=Status(row.status),
        image=ImageInfo(
            width=row.width,
            height=row.height,
            format=row.format,
            orientation_applied=row.orientation_applied,
            sha256=row.image_id,
            file_name=row.file_name,
            size_bytes=row.size_bytes,
            damaged=row.damaged,
            decoded_share=row.decoded_share,
            frame=row.frame,
            preview=row.preview,
            external_id=row.external_id,
            tags=tags_of(row.tags),
            folder=row.folder,
            options=AnalysisOptions.model_validate_json(row.options) if row.options else None,
        ),
        received_at=row.received_at,
        updated_at=row.updated_at,
        error=error_of(row),
        num_faces=row.num_faces,
        timeline=tuple(run_of(run, row.generation) for run in timeline),
        traceparent=row.traceparent,
        revision=row.revision,
        corrected=row.corrected,
        corrections=tuple(corrections),
        again=Status(row.again) if row.again else None,
        begun_again_at=row.begun_again_at,
    )


def documents_in(rows: Iterable[PartRow]) -> dict[StageName, bytes]:
    """The parts that came, as they are kept, by stage."""
    return {StageName(row.stage): row.document for row in rows if not row.error_code}


def parts_in(rows: Iterable[PartRow]) -> dict[StageName, Part]:
    """The parts that came, by stage."""
    return {stage: part_of(stage, document) for stage, document in documents_in(rows).items()}


def failures_in(rows: Iterable[PartRow]) -> dict[StageName, PartError]:
    """Why parts will not come, by stage."""
    return {StageName(row.stage): error for row in rows if (error := error_of(row))}


def face_rows(document: AnalysisDocument) -> list[dict[str, Any]]:
    """What the index keeps of each face."""
    return [
        {"image_id": document.image.sha256, "face_index": face.face_index}
        | {field.name: field.of(face) for field in FACE_FIELDS}
        for face in document.faces
    ]
