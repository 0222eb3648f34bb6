"""Whether somebody has written to a ledger on PostgreSQL, which tells of each commit by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from data_storage_service.database.postgresql import own_connection
from facepipe.domain.errors import FacepipeError

if TYPE_CHECKING:
    import psycopg

_WAIT_S = 0.5
_AGAIN_S = 0.5

_log = logging.getLogger(__name__)


class Notifications:
    """Listens on a connection of its own; for one thread.

    What was committed while the connection was cut is not told of, so a new one is news by itself.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg.Connection | None = None
        self.pause_s = 0.0

    def has_news(self) -> bool:
        """Waits for a commit, for half a second at most; whether there was one."""
        try:
            if self._connection is None:
                self._connection = own_connection(self._engine)
                self._connection.execute("LISTEN ledger_changed")
                self.pause_s = 0.0
                return True
            return bool(list(self._connection.notifies(timeout=_WAIT_S, stop_after=1)))
        except (SQLAlchemyError, FacepipeError, self._engine.dialect.loaded_dbapi.Error) as error:
            _log.warning("changes are told of later: %s", error)
            self.close()
            self.pause_s = _AGAIN_S
            return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
