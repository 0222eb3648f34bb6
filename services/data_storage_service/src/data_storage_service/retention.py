"""Images that have been kept long enough are deleted, as a user would delete them.

What is deleted is gone, so a clock that jumps forward is not believed at once (`CarefulClock`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from data_storage_service.queries import Queries
from data_storage_service.settling import Settler

JUMP_S = 600.0
BELIEVED_AFTER_S = 24 * 3600.0

_log = logging.getLogger(__name__)


class CarefulClock:
    """UTC, but a jump forward of the system's clock counts only when it has held for a day.

    Slow corrections, and a clock that is set back, are followed at once.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset_s = wall() - elapsed()
        self._jumped_at: float | None = None

    def __call__(self) -> datetime:
        elapsed = self._elapsed()
        offset_s = self._wall() - elapsed
        if offset_s - self._offset_s < JUMP_S:
            self._offset_s, self._jumped_at = offset_s, None
        elif self._jumped_at is None:
            _log.warning("the clock jumped %.0f s forward", offset_s - self._offset_s)
            self._jumped_at = elapsed
        elif elapsed - self._jumped_at >= BELIEVED_AFTER_S:
            self._offset_s, self._jumped_at = offset_s, None
        return datetime.fromtimestamp(elapsed + self._offset_s, UTC)


class Retention:
    """Deletes images by the age of their upload.

    Args:
        days: how long an image is kept; 0: for ever.
        at_once: images deleted in one pass; the rest follows in the next.
    """

    def __init__(
        self,
        queries: Queries,
        settler: Settler,
        days: float,
        *,
        now: Callable[[], datetime] | None = None,
        at_once: int = 200,
    ) -> None:
        self._queries = queries
        self._settler = settler
        self._days = days
        self._now = now or CarefulClock()
        self._at_once = at_once

    def __call__(self) -> int:
        """One pass; returns how many images were deleted.

        Raises:
            OSError: a file could not be removed; what was left is settled later.
        """
        if not self._days:
            return 0
        before = self._now() - timedelta(days=self._days)
        old = self._queries.received_before(before, self._at_once)
        for image_id in old:
            self._settler.delete(image_id)
        if old:
            _log.info("retention: %d images deleted", len(old), extra={"before": str(before)})
        return len(old)
