"""Where files are kept, in a folder or in a bucket; what lies where, others know.

`Inbox` and `ResultFiles` make the names, such as `inbox/<id>.json`, of ids that were checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from facepipe.domain.errors import ImageNotFoundError


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a file without reading it; `etag` changes with what it holds."""

    size: int
    modified: datetime
    etag: str


class FileStore(Protocol):
    """Files by name. What can be read under a name is whole.

    All methods raise OSError where a folder cannot be used, FilesUnavailableError or
    StorageFullError where an object store cannot.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may be writing to it just now."""

    def prepare(self, *folders: str) -> None:
        """Makes folders, where a store has such."""

    def put(self, files: Mapping[str, bytes]) -> None:
        """Writes files, one after the other; each is there for good when this returns."""

    def get(self, name: str) -> bytes:
        """All of a file. Raises FileNotFoundError."""

    def get_range(self, name: str, info: FileInfo, start: int, end: int) -> bytes:
        """A piece of the very file that `info` is of. Raises FileNotFoundError."""

    def head(self, name: str) -> FileInfo | None:
        """None when there is no such file; to be relied on: what was lost is given up by it."""

    def names(self, folder: str) -> Iterator[str]:
        """Names of the files right in a folder, without the folder, in no order."""

    def changed_ns(self, folder: str) -> int | None:
        """When a name came into a folder or left it last, since 1970; None: it cannot be told."""

    def copy(self, name: str, target: str) -> bool:
        """Gives a file a second name, which lives on when the first is deleted.

        A target that exists stays as it is; False when there is neither.
        """

    def delete(self, *names: str, for_good: bool = True) -> None:
        """Deletes files of one folder, one after the other; some may be gone.

        For good: none of them is back after a power cut.
        """

    def remove_asides(self, folder: str, older_than_s: float) -> int:
        """Removes what a crash left half written; how many files there were."""

    def check(self) -> None:
        """Raises FilesUnavailableError where an object store does not answer just now."""

    def problem(self, folder: str) -> str | None:
        """Why a folder cannot be used; None when it can."""

    def path(self, name: str) -> Path | None:
        """Where a file lies on this machine; None where it does not."""

    def link(self, name: str) -> str | None:
        """A link by which anybody can read a file for some minutes; None where there is none."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was there a moment ago."""

    store: FileStore
    name: str
    info: FileInfo

    def read_bytes(self) -> bytes:
        """All of it. Raises ImageNotFoundError when it has gone."""
        try:
            return self.store.get(self.name)
        except FileNotFoundError as error:
            raise ImageNotFoundError("the file is not there any more") from error


def find(store: FileStore, name: str) -> FoundFile | None:
    """A file, if there is one."""
    info = store.head(name)
    return None if info is None else FoundFile(store, name, info)
