"""The inbox on disk: the truth about an accepted image until its result is on disk.

<root>/<image_id>.json    what is known of the upload, written first
<root>/<image_id>         the upload, byte for byte; once it is here, it is accepted
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


class InboxEntry(BaseModel):
    """What stands beside an upload in the inbox."""

    image: ImageInfo
    received_at: datetime
    traceparent: str = ""
    is_urgent: bool = False


def check_image_id(image_id: str) -> str:
    """Raises InvalidRequestError for anything but 64 hex digits, which no path can escape."""
    if not _IMAGE_ID.fullmatch(image_id):
        raise InvalidRequestError("an image id is 64 lower-case hex digits")
    return image_id


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it; where a group may write above, it may write here.

    So whoever owns a bind mount on the host can clean up what a service made in it. The mode is
    given when the folder is made: to change it later would cost it its set-group-id bit.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    writable_by_group = path.parent.stat().st_mode & stat.S_IWGRP
    mask = os.umask(0o077)
    os.umask(mask & ~writable_by_group)
    try:
        path.mkdir(exist_ok=True)
    finally:
        os.umask(mask)


def write_durably(path: Path, data: bytes) -> None:
    """Writes aside, syncs, renames: after a crash `path` holds all of `data` or what it held.

    Raises:
        OSError: no room, no permission; `path` is untouched and nothing is left behind.
    """
    aside = _written_aside(path, data)
    try:
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _written_aside(path: Path, data: bytes) -> Path:
    """A synced file beside `path`, to be renamed; on an error nothing is left behind."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:16]}-", suffix=".tmp", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


class Inbox:
    """Uploads that were accepted and have no result yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        make_folder(root)

    def add(self, image_id: str, data: bytes, entry: InboxEntry) -> None:
        """Makes an upload durable. Adding the same one twice changes nothing.

        All that takes room is written before anything gets its name: a volume that fills up
        leaves neither a note without an upload nor an upload without a note.

        Raises:
            OSError: it could not be written; nothing was accepted, nothing is left behind.
        """
        path, note = self.path(image_id), self._entry_path(image_id)
        pending = [_written_aside(path, data)]
        try:
            pending.append(_written_aside(note, entry.model_dump_json().encode()))
            pending[1].replace(note)
            pending[0].replace(path)
        except BaseException:
            for aside in pending:
                aside.unlink(missing_ok=True)
            raise
        _sync_folder(self._root)

    def read(self, image_id: str) -> bytes:
        """The upload, byte for byte. Raises ImageNotFoundError."""
        try:
            return self.path(image_id).read_bytes()
        except FileNotFoundError as error:
            raise ImageNotFoundError(f"{image_id} is not in the inbox") from error

    def entry(self, image_id: str) -> InboxEntry:
        """What was noted of the upload. Raises ImageNotFoundError."""
        try:
            return InboxEntry.model_validate_json(self._entry_path(image_id).read_bytes())
        except FileNotFoundError as error:
            raise ImageNotFoundError(f"{image_id} is not in the inbox") from error

    def ids(self) -> Iterator[str]:
        """Ids of all accepted uploads, in no order."""
        with os.scandir(self._root) as files:
            yield from (file.name for file in files if _IMAGE_ID.fullmatch(file.name))

    def remove(self, image_id: str) -> None:
        """Erases an upload; the bytes first, so that no entry is ever without its note."""
        self.path(image_id).unlink(missing_ok=True)
        self._entry_path(image_id).unlink(missing_ok=True)

    def tidy(self) -> int:
        """Removes what a crash left half done; for the start of the one process that adds.

        Returns how many files there were: written aside and never renamed, notes whose upload
        never came or is gone, and uploads without a note. The last are what a power cut may
        leave, before anybody was told of them or after they were removed.
        """
        asides = [path for path in self._root.glob(".*.tmp") if path.is_file()]
        notes = [
            path
            for path in self._root.glob("*.json")
            if _IMAGE_ID.fullmatch(path.stem) and path.stem not in self
        ]
        bare = [self.path(i) for i in self.ids() if not self._entry_path(i).exists()]
        half_done = [*asides, *notes, *bare]
        for path in half_done:
            path.unlink(missing_ok=True)
        return len(half_done)

    def path(self, image_id: str) -> Path:
        return self._root / check_image_id(image_id)

    def __contains__(self, image_id: str) -> bool:
        return self.path(image_id).exists()

    def _entry_path(self, image_id: str) -> Path:
        return self._root / f"{check_image_id(image_id)}.json"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
