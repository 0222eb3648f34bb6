"""Work that is for one process alone, where several share a ledger: who does it just now.

On PostgreSQL the one that holds an advisory lock of a session, on a connection of its own: the
server lets the lock go when its holder is gone, however that came about. Until a holder notices
that its connection was cut, there may be two; all such work may be done twice (docs/adr/0021).
SQLite's file has one data_storage_service (`ledger_lock`), which leads.
"""

from __future__ import annotations

import logging
import threading
import zlib
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from data_storage_service.database import is_shared
from data_storage_service.database.postgresql import own_connection
from facepipe.domain.errors import FacepipeError

if TYPE_CHECKING:
    import psycopg

LOOK_S = 1.0
SWEEPER = "sweeper"
"""The role of the data_storage_service that recovers, settles and sweeps."""

_log = logging.getLogger(__name__)


def lock_of(role: str) -> int:
    """The number of the advisory lock of a role."""
    return zlib.crc32(f"facepipe {role}".encode())


class Turn(Protocol):
    """One candidate's hold on a role; for one thread."""

    def hold(self) -> bool:
        """Takes the role if it is free, and keeps it; whether it is held."""

    def give_up(self) -> None:
        """Lets others have it."""


class ServerTurn:
    """An advisory lock of PostgreSQL."""

    def __init__(self, engine: Engine, role: str) -> None:
        self._engine = engine
        self._key = lock_of(role)
        self._connection: psycopg.Connection | None = None
        self._is_held = False

    def hold(self) -> bool:
        try:
            if self._connection is None:
                self._connection = own_connection(self._engine)
            if self._is_held:
                self._connection.execute("SELECT 1")
            else:
                took = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [self._key])
                self._is_held = took.fetchone() == (True,)
        except (SQLAlchemyError, FacepipeError, self._engine.dialect.loaded_dbapi.Error) as error:
            if self._is_held:
                _log.warning("the lead is lost: %s", error)
            self.give_up()
        return self._is_held

    def give_up(self) -> None:
        connection, self._connection = self._connection, None
        was_held, self._is_held = self._is_held, False
        if connection is not None:
            with suppress(Exception), closing(connection):
                if was_held:  # the server notices only later that a session has ended
                    connection.execute("SELECT pg_advisory_unlock(%s)", [self._key])


class LocalTurn:
    """Within one process."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._is_held = False

    def hold(self) -> bool:
        self._is_held = self._is_held or self._lock.acquire(blocking=False)
        return self._is_held

    def give_up(self) -> None:
        if self._is_held:
            self._is_held = False
            self._lock.release()


class Turns:
    """Makes candidates. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._locks: dict[str, threading.Lock] = {}

    def candidate(self, role: str) -> Turn:
        if is_shared(self._engine):
            return ServerTurn(self._engine, role)
        return LocalTurn(self._locks.setdefault(role, threading.Lock()))


class Lead:
    """Whether this process has a role, looked after by a thread. Without a server it always has."""

    def __init__(self, engine: Engine, role: str = SWEEPER) -> None:
        self._turn = ServerTurn(engine, role) if is_shared(engine) else None
        self._is_held = self._turn is None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lead", daemon=True)

    @property
    def is_held(self) -> bool:
        return self._is_held

    @property
    def is_shared(self) -> bool:
        """Whether there may be others."""
        return self._turn is not None

    def start(self) -> None:
        if self._turn is not None:
            self._thread.start()

    def stop(self) -> None:
        """Lets another one have it; call it when the work has stopped."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        assert self._turn is not None  # noqa: S101  # else it is not started
        while not self._stop.is_set():
            is_held = self._turn.hold()
            if is_held and not self._is_held:
                _log.info("this process recovers, settles and sweeps from now on")
            self._is_held = is_held
            self._stop.wait(LOOK_S)
        self._is_held = False
        self._turn.give_up()
