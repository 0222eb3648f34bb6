"""All results as rows, read from the index in pieces: nothing is held whole."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from data_storage_service import listing
from data_storage_service.database import database_errors
from data_storage_service.rows import tags_of
from data_storage_service.schema import FACES, FACES_VERSION, ImageRow
from facepipe.domain.errors import ImageNotFoundError, ResultDamagedError
from facepipe.domain.face_fields import FACE_FIELDS
from facepipe.domain.result_rows import FACE_COLUMNS, Row, Rows, rows_of, utc_text
from facepipe.files.result_files import ResultFiles
from facepipe.ledger.states import ListQuery

_IMAGES_AT_ONCE = 1000
_NO_FACE: Row = [None] * len(FACE_COLUMNS)
_IMAGES = select(
    ImageRow.image_id,
    ImageRow.file_name,
    ImageRow.completed_at,
    ImageRow.width,
    ImageRow.height,
    ImageRow.num_faces,
    ImageRow.external_id,
    ImageRow.folder,
    ImageRow.tags,
    ImageRow.corrected,
    ImageRow.faces_version,
)
_OF_FACE = (FACES.c.face_index, *(FACES.c[field.name] for field in FACE_FIELDS))

_log = logging.getLogger(__name__)


class RowStream:
    """The rows of all results that meet a query, newest first."""

    def __init__(self, engine: Engine, files: ResultFiles) -> None:
        self._engine = engine
        self._files = files

    def batches(self, query: ListQuery) -> Iterator[Rows]:
        """Rows in batches, each read in a transaction of its own.

        Results that were indexed by an older version are read from their documents; one that
        cannot be read is left out, and logged.

        Raises:
            InvalidRequestError: a face has no such field.
        """
        place = listing.Place(query.sort)
        while True:
            with database_errors(), Session(self._engine) as session, session.begin():
                are_few = listing.are_few(session, query)
                wanted = listing.all_conditions(query, are_few=are_few)
                wanted += place.beyond(query.cursor)
                page = _IMAGES.add_columns(place.column).where(*wanted).order_by(*place.order)
                images = session.execute(page.limit(_IMAGES_AT_ONCE)).all()
                faces = _faces(session, [one.image_id for one in images])
            if not images:
                return
            yield [row for image in images for row in self._rows(image, faces)]
            query = replace(query, cursor=place.cursor_after(images[-1]))

    def _rows(self, image: Any, faces: dict[str, Rows]) -> Iterable[Row]:
        if image.faces_version != FACES_VERSION:
            return self._read(image.image_id)
        about: Row = [
            image.image_id,
            image.file_name,
            utc_text(image.completed_at),
            image.width,
            image.height,
            image.num_faces,
            image.external_id,
            image.folder,
            ",".join(tags_of(image.tags)),
            image.corrected,
        ]
        return [about + face for face in faces.get(image.image_id, [_NO_FACE])]

    def _read(self, image_id: str) -> Rows:
        try:
            return list(rows_of(self._files.read_document(image_id)))
        except (ImageNotFoundError, ResultDamagedError) as error:
            _log.error("left out of an export: %s", error, extra={"image_id": image_id})
            return []


def _faces(session: Session, image_ids: list[str]) -> dict[str, Rows]:
    statement = (
        select(FACES.c.image_id, *_OF_FACE)
        .where(FACES.c.image_id.in_(image_ids))
        .order_by(FACES.c.image_id, FACES.c.face_index)
    )
    found: defaultdict[str, Rows] = defaultdict(list)
    for image_id, *face in session.execute(statement).all():
        found[image_id].append(face)
    return found
