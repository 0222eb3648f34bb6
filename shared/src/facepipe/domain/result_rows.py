"""Results as rows, for exports: one a face, and one for an image without faces.

The ledger makes them and the API writes them out, so both read the columns here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from facepipe.domain.analysis import AnalysisDocument
from facepipe.domain.face_fields import FACE_FIELDS, FieldValue

Row = list[FieldValue | None]
"""One value a column, in the order of `COLUMNS`."""
Rows = list[Row]

IMAGE_COLUMNS: dict[str, type[FieldValue]] = {
    "image_id": str,
    "file_name": str,
    "timestamp": str,
    "width": int,
    "height": int,
    "num_faces": int,
    "external_id": str,
    "folder": str,
    "tags": str,
    "corrected": bool,
}
FACE_COLUMNS: dict[str, type[FieldValue]] = {
    "face_index": int,
    **{field.name: field.kind for field in FACE_FIELDS},
}
COLUMNS = IMAGE_COLUMNS | FACE_COLUMNS


def utc_text(moment: datetime) -> str:
    """A moment as the result document writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def rows_of(document: AnalysisDocument) -> Iterator[Row]:
    """The rows of one result."""
    image: Row = [
        document.image.sha256,
        document.image.file_name,
        utc_text(document.timestamp),
        document.image.width,
        document.image.height,
        document.num_faces,
        document.image.external_id,
        document.image.folder,
        ",".join(document.image.tags),
        document.corrected,
    ]
    if not document.faces:
        yield image + [None] * len(FACE_COLUMNS)
    for face in document.faces:
        yield [*image, face.face_index, *(field.of(face) for field in FACE_FIELDS)]
