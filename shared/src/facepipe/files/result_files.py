"""The layout of `saved_data/`, known here alone.

saved_data/<id>.jpg      the annotated image, written first
saved_data/<id>.json     the result document: where it stands, the result is complete
saved_data/source/<id>   the upload, byte for byte

Beside them, in the folder `saved_data/` of the host that has them, whatever the store is:

saved_data/plots/        the statistics, as the plotter drew them last
saved_data/.index/       the ledger, which travels with the results when the volume is copied
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from facepipe.domain.analysis import AnalysisDocument
from facepipe.domain.errors import ImageNotFoundError
from facepipe.files.inbox import Inbox, check_image_id
from facepipe.files.store import FileStore, FoundFile, find

FOLDER = "saved_data"
SOURCES = f"{FOLDER}/source"


def plots_folder(saved_data: Path) -> Path:
    return saved_data / "plots"


def ledger_file(saved_data: Path) -> Path:
    return saved_data / ".index" / "index.sqlite3"


class ResultFiles:
    """The files of finished images; every id is checked before it becomes a name."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def make_folders(self) -> None:
        """Makes what results are written to; asked for once by whoever writes them."""
        self._files.prepare(SOURCES)

    def annotated(self, image_id: str) -> FoundFile | None:
        """The annotated image, if there is one."""
        return find(self._files, _annotated(image_id))

    def document(self, image_id: str) -> FoundFile | None:
        """The result document, if there is one."""
        return find(self._files, _document(image_id))

    def source(self, image_id: str) -> FoundFile | None:
        """The upload, if it was kept."""
        return find(self._files, _source(image_id))

    def read_source(self, image_id: str) -> bytes:
        """The upload, byte for byte. Raises ImageNotFoundError when it was not kept."""
        try:
            return self._files.get(_source(image_id))
        except FileNotFoundError as error:
            raise ImageNotFoundError(f"the upload of {image_id} was not kept") from error

    def read_document(self, image_id: str) -> AnalysisDocument:
        """The result. Raises ImageNotFoundError when there is none that can be read."""
        try:
            return AnalysisDocument.model_validate_json(self._files.get(_document(image_id)))
        except (FileNotFoundError, ValidationError) as error:
            raise ImageNotFoundError(f"there is no readable result of {image_id}") from error

    def write_annotated(self, image_id: str, jpeg: bytes) -> None:
        self._files.put({_annotated(image_id): jpeg})

    def write_document(self, document: AnalysisDocument) -> None:
        data = document.model_dump_json(indent=1).encode() + b"\n"
        self._files.put({_document(document.image.sha256): data})

    def keep_source(self, image_id: str, inbox: Inbox) -> bool:
        """Keeps an upload; False when neither it nor a kept one exists.

        Raises:
            OSError, FilesUnavailableError: it could not be written; the inbox is untouched.
        """
        return self._files.copy(inbox.name(image_id), _source(image_id))

    def remove_result(self, image_id: str) -> None:
        """The document first, so that a result that stands is always whole; for good."""
        self._files.delete(_document(image_id), _annotated(image_id))

    def remove_source(self, image_id: str) -> None:
        """Erases a kept upload, for good."""
        self._files.delete(_source(image_id))

    def ids(self) -> Iterator[str]:
        """Ids of all results, in no order."""
        for name in self._files.names(FOLDER):
            image_id, _, suffix = name.partition(".")
            if suffix == "json" and len(image_id) == 64:
                yield image_id

    def check(self) -> None:
        """Raises FilesUnavailableError where an object store does not answer just now."""
        self._files.check()

    def remove_asides(self, older_than_s: float = 60) -> int:
        """Removes what a crash left half written; how many files there were."""
        return sum(self._files.remove_asides(f, older_than_s) for f in (FOLDER, SOURCES))


def _annotated(image_id: str) -> str:
    return f"{FOLDER}/{check_image_id(image_id)}.jpg"


def _document(image_id: str) -> str:
    return f"{FOLDER}/{check_image_id(image_id)}.json"


def _source(image_id: str) -> str:
    return f"{SOURCES}/{check_image_id(image_id)}"
