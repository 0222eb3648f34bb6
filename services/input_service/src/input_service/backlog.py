"""How many accepted images are unfinished, how fast they get done, and when it is too many."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from facepipe.domain.errors import FilesUnavailableError, TooManyRequestsError
from facepipe.files.inbox import Inbox
from facepipe.queue.jobs import queue_of
from facepipe.stages import StageName

_log = logging.getLogger(__name__)
_EVERY_S = 2.0
_WINDOW_S = 60.0
_LONGEST_S = 600.0


class Backlog:
    """Counts what waits, every two seconds; in between it counts up what is accepted.

    The inbox holds every unfinished image, those on a queue included, whether Redis is there
    or not. People who wait for their image may go beyond the limit by a tenth. Thread-safe.
    """

    def __init__(
        self,
        inbox: Inbox,
        redis: Redis,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._redis = redis
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted = 0
        self._waiting = 0
        self._uploads = 0
        # Moments, and how many had been finished by then since the start.
        self._finished: deque[tuple[float, int]] = deque()

    async def watch(self) -> None:
        """Counts for ever; a task of the service."""
        while True:
            try:
                await asyncio.to_thread(self.refresh)
            except (OSError, FilesUnavailableError) as error:
                _log.warning("the inbox cannot be counted: %s", error)
            await asyncio.sleep(_EVERY_S)

    def refresh(self) -> None:
        with self._lock:
            accepted = self._accepted
        uploads = len(self._inbox.ids())
        waiting = max(uploads, self._queued())
        now = self._clock()
        with self._lock:
            self._uploads = uploads
            self._waiting = waiting + self._accepted - accepted
            self._finished.append((now, accepted - waiting))
            while now - self._finished[0][0] > _WINDOW_S:
                self._finished.popleft()

    @property
    def uploads(self) -> int:
        """How many lay in the inbox when it was counted last."""
        return self._uploads

    def note_accepted(self) -> None:
        with self._lock:
            self._accepted += 1
            self._waiting += 1

    def check(self, *, urgent: bool) -> None:
        """Raises TooManyRequestsError, with the time until there will be room."""
        if self._limit <= 0:
            return
        with self._lock:
            waiting = self._waiting
            top = self._limit + (max(10, self._limit // 10) if urgent else 0)
            if waiting < top:
                return
            # Room for one alone would send everybody back again at once.
            missing = waiting - top + max(1, top // 20)
            after_s = min(max(1.0, missing / self._rate_per_s()), _LONGEST_S)
        raise TooManyRequestsError(
            f"{waiting} images are waiting, and {top} may; send it again later",
            retry_after_s=after_s,
        )

    def _rate_per_s(self) -> float:
        """Images finished a second over the last minute; none counts as fewer than one."""
        if len(self._finished) < 2:
            return 1.0
        (begin, before), (end, after) = self._finished[0], self._finished[-1]
        return max(1, after - before) / max(1.0, end - begin)

    def _queued(self) -> int:
        try:
            return len(queue_of(StageName.LANDMARK, self._redis))
        except RedisError:
            return 0
