"""The layout of `saved_data/`, known here alone.

saved_data/<id>.jpg      the annotated image, written first
saved_data/<id>.json     the result document: where it stands, the result is complete
saved_data/source/<id>   the upload, byte for byte
saved_data/plots/        the statistics, as the plotter drew them last
saved_data/.index/       the ledger, which travels with the results when the volume is copied
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from facepipe.domain.analysis import AnalysisDocument
from facepipe.domain.errors import ImageNotFoundError
from facepipe.files.inbox import check_image_id, make_folder, write_durably


class ResultFiles:
    """The files of finished images; every id is checked before it becomes a path."""

    def __init__(self, saved_data: Path) -> None:
        self._root = saved_data
        self.sources = saved_data / "source"
        self.plots = saved_data / "plots"
        self.ledger = saved_data / ".index" / "index.sqlite3"

    def make_folders(self) -> None:
        """Makes what results are written to; asked for once by whoever writes them."""
        make_folder(self.sources)

    def annotated(self, image_id: str) -> Path:
        return self._root / f"{check_image_id(image_id)}.jpg"

    def document(self, image_id: str) -> Path:
        return self._root / f"{check_image_id(image_id)}.json"

    def source(self, image_id: str) -> Path:
        return self.sources / check_image_id(image_id)

    def read_document(self, image_id: str) -> AnalysisDocument:
        """The result. Raises ImageNotFoundError when there is none that can be read."""
        path = self.document(image_id)
        try:
            return AnalysisDocument.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError) as error:
            raise ImageNotFoundError(f"there is no readable result of {image_id}") from error

    def write_annotated(self, image_id: str, jpeg: bytes) -> None:
        write_durably(self.annotated(image_id), jpeg)

    def write_document(self, document: AnalysisDocument) -> None:
        data = document.model_dump_json(indent=1).encode() + b"\n"
        write_durably(self.document(document.image.sha256), data)

    def keep_source(self, image_id: str, upload: Path) -> bool:
        """Keeps an upload; False when neither it nor a kept one exists.

        Within one volume the same bytes get a second name. Nothing is copied, and either name
        can be removed without the other.

        Raises:
            OSError: it could not be written; `upload` is untouched.
        """
        kept = self.source(image_id)
        if kept.exists():
            return True
        try:
            os.link(upload, kept)
        except FileExistsError:
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            with suppress(FileNotFoundError):
                write_durably(kept, upload.read_bytes())
                return True
            return False
        _sync(self.sources)
        return True

    def remove_result(self, image_id: str) -> None:
        """The document first, so that a result that stands is always whole; for good."""
        _remove(self.document(image_id), self.annotated(image_id))

    def remove_source(self, image_id: str) -> None:
        """Erases a kept upload, for good."""
        _remove(self.source(image_id))

    def ids(self) -> Iterator[str]:
        """Ids of all results on the volume, in no order."""
        with os.scandir(self._root) as entries:
            for entry in entries:
                name, _, suffix = entry.name.partition(".")
                if suffix == "json" and len(name) == 64:
                    yield name

    def remove_asides(self, older_than_s: float = 60) -> int:
        """Removes what a crash left half written.

        Should anybody take longer than that over a file, its renaming fails, and it is written
        again.
        """
        count = 0
        for folder in (self._root, self.sources):
            for aside in folder.glob(".*.tmp"):
                with suppress(FileNotFoundError):
                    # Either way: a clock that was set back leaves files from the future.
                    if abs(time.time() - aside.stat().st_mtime) > older_than_s:
                        aside.unlink()
                        count += 1
        return count


def _remove(*paths: Path) -> None:
    """Removes files of one folder; after a power cut none of them is back."""
    for path in paths:
        path.unlink(missing_ok=True)
    _sync(paths[0].parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
