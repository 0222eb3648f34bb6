"""Whether the workers rest: kept in the ledger, and told to them by RQ's own mark in Redis.

The ledger decides. Redis may lose the mark, so it is set again before any job goes to a queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq.suspension import resume, suspend
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from data_storage_service.database import database_errors, is_shared
from data_storage_service.schema import CounterRow, from_microseconds, to_microseconds
from facepipe.queue.redis_connection import explain

_NAME = "paused_at"
_PATIENCE_S = 1.0
"""How long a pause that is kept waits for one who talks to Redis."""

_log = logging.getLogger(__name__)


class Pause:
    """The state of rest. Thread-safe.

    It is remembered where one process alone changes it; on a shared ledger it is looked up, at the
    latest a second after somebody else has changed it. Nobody who asks for it waits for Redis.
    """

    def __init__(
        self, engine: Engine, redis: Redis, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        # It is synced: the answer promises that it outlives a power cut.
        self._writing = engine.execution_options(
            sqlite_begin="IMMEDIATE", sqlite_synchronous="FULL"
        )
        self._redis = redis
        self._now = now
        self._lock = threading.Lock()
        self._telling = threading.Lock()  # taken before the other one
        self._engine = engine
        self._is_shared = is_shared(engine)
        self._is_known = False
        self._since: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """The beginning of the present pause; None while work goes on. Raises FacepipeError."""
        with self._lock:
            self._look()
            return self._since

    def set(self, *, paused: bool) -> datetime | None:
        """Begins or ends a pause; returns since when it lasts. Doing it twice changes nothing.

        Raises:
            FacepipeError: the ledger cannot be written; nothing was changed.
        """
        with self._lock:
            self._look()
            if paused != (self._since is not None):
                since = self._now() if paused else None
                self._keep(since)
                self._since = since
                _log.warning("work is paused" if paused else "work goes on")
            since = self._since
        try:
            self._tell(_PATIENCE_S)
        except RedisError as error:
            _log.warning("the workers are told later: %s", explain(error))
        return since

    def tell(self) -> None:
        """Has the mark in Redis be as the ledger says. Raises RedisError, FacepipeError."""
        self._tell()

    def tell_before_work(self) -> None:
        """Before a job is put on a queue; costs nothing while work goes on.

        Raises:
            RedisError, FacepipeError: Redis, or the ledger, does not answer.
        """
        with self._lock:
            if self._since is not None or not self._is_known:
                self._look()
            works = self._since is None
        if not works:
            self._tell()

    def _look(self) -> None:
        if self._is_known and not self._is_shared:
            return
        with database_errors(), Session(self._engine) as session:
            row = session.get(CounterRow, _NAME)
            self._since = from_microseconds(row.value) if row else None
            self._is_known = True

    def _tell(self, patience_s: float = -1) -> None:
        """One at a time, so that no older state follows a newer one; -1 waits for its turn."""
        if not self._telling.acquire(timeout=patience_s):
            raise RedisTimeoutError("Redis is slow")
        try:
            if self.since is not None:
                suspend(self._redis)
            else:
                resume(self._redis)
        finally:
            self._telling.release()

    def _keep(self, since: datetime | None) -> None:
        with database_errors(), Session(self._writing) as session, session.begin():
            if since is None:
                session.execute(delete(CounterRow).where(CounterRow.name == _NAME))
            else:
                session.merge(CounterRow(name=_NAME, value=to_microseconds(since)))
