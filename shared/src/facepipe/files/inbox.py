"""The inbox: the truth about an accepted image until its result is written.

inbox/<image_id>.json    what is known of the upload, written first
inbox/<image_id>         the upload, byte for byte; once it is here, it is accepted
inbox/.webhooks/         how far receivers of webhooks were told
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError
from facepipe.files.store import FileStore, FoundFile, find

FOLDER = "inbox"
RECEIVERS = f"{FOLDER}/.webhooks"

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_LEFT_AFTER = timedelta(hours=1)
_STEP_NS = 2_000_000_000


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


class Inbox:
    """Uploads that were accepted and have no result yet."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._listed: tuple[int | None, frozenset[str]] = (None, frozenset())
        files.prepare(FOLDER)

    def add(self, image_id: str, data: bytes, entry: InboxEntry) -> None:
        """Makes an upload durable. Adding the same one twice changes nothing.

        Raises:
            OSError, FilesUnavailableError, StorageFullError: it could not be written; nothing
                was accepted.
        """
        note = entry.model_dump_json().encode()
        self._files.put({_note(image_id): note, self.name(image_id): data})

    def read(self, image_id: str) -> bytes:
        """The upload, byte for byte. Raises ImageNotFoundError."""
        return self._get(self.name(image_id), image_id)

    def entry(self, image_id: str) -> InboxEntry:
        """What was noted of the upload. Raises ImageNotFoundError."""
        return InboxEntry.model_validate_json(self._get(_note(image_id), image_id))

    def ids(self) -> frozenset[str]:
        """Ids of all accepted uploads; the folder is read again only when it has changed."""
        changed_ns, (listed_ns, listed) = self._files.changed_ns(FOLDER), self._listed
        if changed_ns is None or changed_ns != listed_ns:
            now_ns = time.time_ns()
            listed = frozenset(filter(_IMAGE_ID.fullmatch, self._files.names(FOLDER)))
            # The clock of files has steps: another change may have the time of the last one.
            is_over = changed_ns is not None and now_ns - changed_ns > _STEP_NS
            self._listed = (changed_ns if is_over else None, listed)
        return listed

    def remove(self, image_id: str) -> None:
        """Erases an upload; the bytes first, so that no entry is ever without its note."""
        self._files.delete(self.name(image_id), _note(image_id), for_good=False)

    def tidy(self, older_than: timedelta = timedelta()) -> int:
        """Removes what a crash left half done, where it is that old: others may be adding.

        Returns how many files there were: written aside and never renamed, notes whose upload
        never came or is gone, and uploads without a note. The last are what a power cut may
        leave, before anybody was told of them or after they were removed.
        """
        names = set(self._files.names(FOLDER))
        uploads = set(filter(_IMAGE_ID.fullmatch, names))
        notes = {name.removesuffix(".json") for name in names if name.endswith(".json")}
        alone = [f"{FOLDER}/{i}.json" for i in notes - uploads if _IMAGE_ID.fullmatch(i)]
        alone += [f"{FOLDER}/{i}" for i in uploads - notes]
        half_done = [name for name in alone if self._is_left(name, older_than)]
        self._files.delete(*half_done, for_good=False)
        return self._files.remove_asides(FOLDER, older_than.total_seconds()) + len(half_done)

    def find(self, image_id: str) -> FoundFile | None:
        """The upload, if it is here."""
        return find(self._files, self.name(image_id))

    def name(self, image_id: str) -> str:
        """In the store."""
        return f"{FOLDER}/{check_image_id(image_id)}"

    def __contains__(self, image_id: str) -> bool:
        return self.find(image_id) is not None

    def _get(self, name: str, image_id: str) -> bytes:
        try:
            return self._files.get(name)
        except FileNotFoundError as error:
            raise ImageNotFoundError(f"{image_id} is not in the inbox") from error

    def _is_left(self, name: str, older_than: timedelta) -> bool:
        info = self._files.head(name)
        if info is None:
            return False
        # Either way: a clock that was set back leaves files from the future.
        age = abs(datetime.now(UTC) - info.modified)
        return age >= max(older_than, _LEFT_AFTER if self._files.is_shared else older_than)


def _note(image_id: str) -> str:
    return f"{FOLDER}/{check_image_id(image_id)}.json"
