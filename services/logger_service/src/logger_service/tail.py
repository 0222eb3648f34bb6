"""Lines as they arrive, handed to whoever follows the log."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence

from logger_service.queries import LogQuery
from logger_service.records import LogLine

MAX_WAITING = 1000


class _Follower:
    def __init__(self, query: LogQuery) -> None:
        self.query = query
        self.loop = asyncio.get_running_loop()
        self.lines: asyncio.Queue[LogLine] = asyncio.Queue(MAX_WAITING)

    def offer(self, line: LogLine) -> None:
        if self.lines.full():  # a slow reader misses the oldest, and holds up nobody
            self.lines.get_nowait()
        self.lines.put_nowait(line)


class Tail:
    """Fans arriving lines out to followers; a slow one loses lines rather than delay others."""

    def __init__(self) -> None:
        self._followers: set[_Follower] = set()
        self._lock = threading.Lock()

    def publish(self, lines: Sequence[LogLine]) -> None:
        """Offers lines to the followers they match; may be called from any thread."""
        with self._lock:
            followers = tuple(self._followers)
        for follower in followers:
            for line in lines:
                if follower.query.matches(line):
                    with contextlib.suppress(RuntimeError):  # its loop is closing
                        follower.loop.call_soon_threadsafe(follower.offer, line)

    async def follow(self, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yields matching lines from now on, without end."""
        follower = _Follower(query)
        with self._lock:
            self._followers.add(follower)
        try:
            while True:
                yield await follower.lines.get()
        finally:
            with self._lock:
                self._followers.discard(follower)
