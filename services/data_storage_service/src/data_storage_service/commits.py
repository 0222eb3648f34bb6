"""Whether somebody has written to the ledger, asked of SQLite without a query."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

from data_storage_service.bell import Ear

_LOOK_S = 1.0


class CommitWatch:
    """Waits for a word of a commit, and compares the `data_version` that one connection sees.

    For one thread.

    Args:
        engine: of the ledger.
        pause_s: after news, so that what changes often is told of together.
        wait_s: for a word, before it looks without one.
    """

    def __init__(self, engine: Engine, pause_s: float = 0.0, wait_s: float = _LOOK_S) -> None:
        self.pause_s = pause_s
        self._wait_s = wait_s
        self._engine = engine
        self._path = Path(engine.url.database or "")
        self._ear: Ear | None = None
        self._connection: PoolProxiedConnection | None = None
        self._seen: tuple[int, int] | None = None

    def has_news(self) -> bool:
        """Whether another connection may have committed since the last call; True at the first."""
        if self._ear is None:
            self._ear = Ear(self._path)
        else:
            self._ear.wait(self._wait_s)
        try:
            found = self._path.stat().st_ino, self._data_version()
        except (OSError, sqlite3.Error, SQLAlchemyError):
            self.close()  # whoever reads the ledger now learns what is wrong
            return True
        if self._seen is not None and found[0] != self._seen[0]:
            self.close()  # the file was replaced
            return True
        is_new, self._seen = found != self._seen, found
        return is_new

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._ear is not None:
            self._ear.close()
        self._connection = self._ear = self._seen = None

    def _data_version(self) -> int:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        cursor = self._connection.cursor()
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone() or (0,)
        return int(version)
