"""The corrections of an image: rows of the ledger, written into its result as well."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_storage_service.schema import CorrectionRow, ImageRow
from facepipe.domain.analysis import AnalysisDocument, Correction
from facepipe.domain.corrections import corrected
from facepipe.domain.errors import ImageNotFoundError
from facepipe.files.result_files import ResultFiles

if TYPE_CHECKING:
    from data_storage_service.steps import Steps

_log = logging.getLogger(__name__)


def of(session: Session, row: ImageRow) -> list[Correction]:
    """The corrections of an image, in the order in which they were made."""
    if not row.corrected:
        return []
    found = (
        select(CorrectionRow.document)
        .where(CorrectionRow.image_id == row.image_id)
        .order_by(CorrectionRow.number)
    )
    return [Correction.model_validate_json(document) for document in session.scalars(found)]


def row_of(image_id: str, correction: Correction) -> CorrectionRow:
    document = correction.model_dump_json().encode()
    return CorrectionRow(image_id=image_id, number=correction.number, document=document)


class CorrectedImage:
    """An image inside a transaction that changes what people said of it."""

    def __init__(self, session: Session, row: ImageRow, steps: Steps) -> None:
        self._session = session
        self._steps = steps
        self.row = row

    @property
    def corrections(self) -> list[Correction]:
        return of(self._session, self.row)

    def add(self, said: Correction) -> Correction:
        """Keeps a correction; its number is that of the change, which no other one has."""
        self._steps.touch(self._session, self.row)
        made = said.model_copy(update={"number": self.row.revision})
        self.row.corrected = True
        self._session.add(row_of(self.row.image_id, made))
        self._session.flush()
        return made

    def remove(self, number: int) -> Correction | None:
        """Takes a correction back; None when there is none of that number."""
        key = {"image_id": self.row.image_id, "number": number}
        found = self._session.get(CorrectionRow, key)
        if found is None:
            return None
        self._session.delete(found)
        self._session.flush()
        self.row.corrected = bool(self.corrections)
        self._steps.touch(self._session, self.row)
        return Correction.model_validate_json(found.document)

    def rewrite(
        self, files: ResultFiles
    ) -> tuple[AnalysisDocument | None, AnalysisDocument | None]:
        """Writes the result with the corrections that there are now; as it was, and as it is.

        None for both while there is no result: it is made with them.
        """
        before = self.document(files)
        if before is None:
            return None, None
        after = corrected(before, self.corrections)
        if after != before:
            files.write_document(after)
            self._steps.put_faces(self._session, self.row, after)
        return before, after

    def document(self, files: ResultFiles) -> AnalysisDocument | None:
        """The result of the present generation, if there is one."""
        if not self.row.state.has_result:
            return None
        try:
            document = files.read_document(self.row.image_id)
        except ImageNotFoundError as error:
            _log.error("only the ledger has the correction: %s", error)
            return None
        # Where an analysis again failed, the result that stands is of a generation before.
        return document if document.generation <= self.row.generation else None
