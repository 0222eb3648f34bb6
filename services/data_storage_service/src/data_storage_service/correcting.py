"""Keeps what people say of a result: in the ledger, in the document, in the picture.

Ledger and document change in one transaction, so that no other writer of the document comes
between. The picture is drawn outside of it, and put in place only if it still fits.
"""

from __future__ import annotations

import logging

from data_storage_service.ledger import Ledger
from data_storage_service.storing import Sources
from facepipe.domain.analysis import AnalysisDocument, Correction, Face
from facepipe.domain.corrections import without_rejected
from facepipe.domain.errors import FacepipeError
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.result_files import ResultFiles

_log = logging.getLogger(__name__)


class Corrector:
    """Adds corrections to results and takes them back. Thread-safe."""

    def __init__(
        self, ledger: Ledger, files: ResultFiles, sources: Sources, style: AnnotationStyle
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._sources = sources
        self._style = style

    def add(self, image_id: str, said: Correction) -> Correction:
        """Keeps a correction; returns it with its number.

        Raises:
            ImageNotFoundError: there is no such image, or it was deleted.
        """
        with self._ledger.correcting(image_id) as image:
            made = image.add(said)
            before, after = image.rewrite(self._files)
        self._redraw(before, after)
        return made

    def remove(self, image_id: str, number: int) -> Correction | None:
        """Takes a correction back; None when there is none of that number.

        Raises:
            ImageNotFoundError: there is no such image, or it was deleted.
        """
        with self._ledger.correcting(image_id) as image:
            taken = image.remove(number)
            before, after = image.rewrite(self._files)
        self._redraw(before, after)
        return taken

    def _redraw(self, before: AnalysisDocument | None, after: AnalysisDocument | None) -> None:
        """The picture shows no face that somebody rejected."""
        if before is None or after is None:
            return
        shown = without_rejected(after.faces)
        if _indices(shown) == _indices(without_rejected(before.faces)):
            return
        image_id = after.image.sha256
        try:
            jpeg = self._style.draw(self._sources.load(image_id), shown, after.image.size)
        except FacepipeError as error:
            _log.warning("the picture stays as it was: %s", error, extra={"image_id": image_id})
            return
        with self._ledger.correcting(image_id) as image:
            now = image.document(self._files)
            if now is not None and now.corrections == after.corrections:
                self._files.write_annotated(image_id, jpeg)


def _indices(faces: list[Face]) -> list[int]:
    return [face.face_index for face in faces]
