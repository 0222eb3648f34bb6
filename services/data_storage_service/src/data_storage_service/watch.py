"""Who waits for changes of the ledger, and the one thread that looks for them.

Changes come from several processes. Who writes to SQLite's file tells, PostgreSQL tells by itself;
one thread listens, however many wait, and only while somebody does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

from data_storage_service.queries import CHANGES_AT_ONCE, Queries
from facepipe.domain.errors import FacepipeError
from facepipe.ledger.states import ImageState

# So many changes in a row that came within the pause are a stream: it is looked at less often.
_STREAM = 4
_LONGER = 4
_AT_ONCE_S = 0.001

_log = logging.getLogger(__name__)


class News(Protocol):
    """Whether somebody has written to the ledger; for one thread."""

    pause_s: float
    """For how long it is not asked again; longer where changes do not end."""

    def has_news(self) -> bool:
        """Whether somebody may have committed since the last call; True at the first."""

    def close(self) -> None:
        """What comes next is a first call."""


class ChangeFeed:
    """Wakes watchers when the ledger's revision has grown."""

    def __init__(self, queries: Queries, news: News) -> None:
        self._queries = queries
        self._news = news
        self._changed = threading.Condition()
        self._revision = 0
        self._watchers = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="change-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends all watching."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def wait_for_end(self, timeout_s: float) -> bool:
        """Whether the feed is closed, within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closed, timeout_s)

    def watch(
        self, image_ids: Sequence[str], is_wanted: Callable[[], bool], limit_s: float = 1.0
    ) -> Iterator[ImageState]:
        """Yields states as they change: of all images from now on, or of given ones.

        Of given ones the present state comes first. Changes that follow closely upon each
        other are seen as one. Ends when the feed is closed, or at most `limit_s` after
        `is_wanted` turned false.
        """
        ids = list(dict.fromkeys(image_ids)) or None
        latest = self._queries.revision()
        seen = latest if ids is None else 0
        with self._changed:
            self._watchers += 1
            self._changed.notify_all()
        try:
            while is_wanted() and not self._is_closed:
                if latest > seen:
                    seen = max(latest, (yield from self._between(seen, ids)))
                latest = self._wait(seen, limit_s)
        finally:
            with self._changed:
                self._watchers -= 1

    def _between(self, seen: int, ids: list[str] | None) -> Generator[ImageState, None, int]:
        while True:
            states, seen = self._queries.changed(seen, ids)
            yield from states
            if len(states) < CHANGES_AT_ONCE:
                return seen

    def _wait(self, seen: int, limit_s: float) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._revision > seen or self._is_closed, limit_s)
            return self._revision

    def _run(self) -> None:
        in_a_row = 0
        while True:
            if not self._watchers:
                self._news.close()
            with self._changed:
                self._changed.wait_for(lambda: self._watchers > 0 or self._is_closed)
                if self._is_closed:
                    self._news.close()
                    return
            asked_at = time.monotonic()
            if self._news.has_news():
                came_meanwhile = time.monotonic() - asked_at < _AT_ONCE_S
                in_a_row = in_a_row + 1 if came_meanwhile else 0
                self._read()
            pause_s = self._news.pause_s * (_LONGER if in_a_row >= _STREAM else 1)
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, pause_s)

    def _read(self) -> None:
        try:
            revision = self._queries.revision()
        except FacepipeError as error:
            _log.warning("cannot look for changes now: %s", error)
            self._news.close()  # and so tries again
            return
        with self._changed:
            if revision > self._revision:
                self._revision = revision
                self._changed.notify_all()
