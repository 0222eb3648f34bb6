"""What became of the files, kept over a restart: a table in an SQLite file."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY,  -- under the folder; names on disk need not be text
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    image_id TEXT NOT NULL,
    noted_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_image ON files (image_id);
"""


class Outcome(StrEnum):
    """What became of a file."""

    SENT = "sent"
    KNOWN = "known"
    REFUSED = "refused"
    LEFT_OUT = "left_out"


TAKEN = (Outcome.SENT, Outcome.KNOWN)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows that a file is another one than before."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises OSError when there is no such file."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


class Memory:
    """Remembers files by their place in the folder. For one thread."""

    def __init__(self, file: Path, root: Path) -> None:
        """Raises OSError or sqlite3.Error when the file cannot be written."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(_SCHEMA)

    def is_done(self, path: Path, stamp: Stamp) -> bool:
        """Whether nothing is left to do for the file as it is now."""
        query = "SELECT size, mtime_ns FROM files WHERE path = ?"
        row = self._database.execute(query, [self._key(path)]).fetchone()
        return bool(row == (stamp.size, stamp.mtime_ns))

    def was_taken(self, image_id: str) -> bool:
        """Whether a file with these bytes was sent, under whatever name."""
        query = "SELECT 1 FROM files WHERE image_id = ? AND outcome IN (?, ?) LIMIT 1"
        return self._database.execute(query, [image_id, *TAKEN]).fetchone() is not None

    def note(self, path: Path, stamp: Stamp, outcome: Outcome, image_id: str = "") -> None:
        """Remembers what became of a file; it is on disk when this returns."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = [self._key(path), stamp.size, stamp.mtime_ns, outcome, image_id, now]
        self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        self._database.close()

    def _key(self, path: Path) -> bytes:
        return os.fsencode(path.relative_to(self._root))
