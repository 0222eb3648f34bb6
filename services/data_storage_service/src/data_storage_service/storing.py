"""Makes the result of an image: merge, draw, write, note."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from data_storage_service.ledger import Ledger
from data_storage_service.merge import merge
from data_storage_service.queries import JoinedParts, Queries
from data_storage_service.settling import Settler
from facepipe.domain.analysis import AnalysisDocument, LandmarksPart
from facepipe.domain.corrections import corrected, without_rejected
from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError, StorageFullError
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.imaging import RgbImage
from facepipe.files.result_files import ResultFiles
from facepipe.stage import PartRun

_log = logging.getLogger(__name__)


class Sources(Protocol):
    """Where the pixels come from."""

    def load(self, image_id: str) -> RgbImage: ...


class ResultStore:
    """Turns joined parts into files on the volume. Running it again changes nothing."""

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        files: ResultFiles,
        sources: Sources,
        settler: Settler,
        style: AnnotationStyle,
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._files = files
        self._sources = sources
        self._settler = settler
        self._style = style

    def store(self, progress: PartRun) -> bool:
        """Writes JPEG, then JSON; then the ledger says *stored* or *partial*.

        Returns False when the image has moved on (newer generation, deleted, failed): then
        nothing is left of this run.

        Raises:
            ImageNotFoundError, ServiceUnavailableError: the pixels cannot be had.
            StorageFullError: the volume is full.
        """
        run = progress.run
        parts = self._queries.joined(run.image_id)
        with _volume_errors():
            if parts.state.generation != run.generation:
                return False
            if not parts.state.is_finished and not self._finish(parts, progress):
                return False
            self._settler.settle(run.image_id)
        return parts.state.status not in (Status.FAILED, Status.DELETED)

    def _finish(self, parts: JoinedParts, progress: PartRun) -> bool:
        image_id = parts.state.image_id
        if parts.state.part(LandmarksPart) is None:
            return False  # the parts are not complete: the job came too early
        document = self._existing(parts)
        if document is None:
            document = self._write(parts, progress)
        said = None if document is None else self._ledger.finish(progress.run, document)
        if document is None or said is None:
            self._withdraw(image_id)
            return False
        if said != document.corrections:
            self._catch_up(image_id)
        _log.info("%s with %d faces", document.status, document.num_faces)
        return True

    def _existing(self, parts: JoinedParts) -> AnalysisDocument | None:
        """The result, where a crash came between the document and the ledger."""
        try:
            document = self._files.read_document(parts.state.image_id)
        except ImageNotFoundError:
            return None
        return document if document.generation == parts.state.generation else None

    def _write(self, parts: JoinedParts, progress: PartRun) -> AnalysisDocument | None:
        """Draws and writes; None when the image has moved on meanwhile."""
        state = parts.state
        document = corrected(merge(parts), state.corrections)
        with progress.timed("store"):
            image_rgb = self._sources.load(state.image_id)
            jpeg = self._style.draw(
                image_rgb, without_rejected(document.faces), document.image.size
            )
            if self._queries.generation(state.image_id) != state.generation:
                return None
            self._files.write_annotated(state.image_id, jpeg)
        timings_ms = document.timings_ms | {"store": progress.timings_ms["store"]}
        document = document.model_copy(update={"timings_ms": timings_ms})
        self._files.write_document(document)
        return document

    def _catch_up(self, image_id: str) -> None:
        """Takes in what people corrected while the result was made."""
        with suppress(ImageNotFoundError), self._ledger.correcting(image_id) as image:
            image.rewrite(self._files)

    def _withdraw(self, image_id: str) -> None:
        """The image moved on while it was drawn: what was just written must not stay.

        Of a newer generation the files are written again; without one they would be orphans.
        """
        status = self._queries.get(image_id).status
        if status in (Status.DELETED, Status.FAILED):
            self._files.remove_result(image_id)
        _log.info("dropped, the image is %s now", status)


@contextmanager
def _volume_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError("no room for the result; make room on the volume") from error
        raise ServiceUnavailableError(f"the volume cannot be written: {error}") from error
