"""Images that have been kept long enough are deleted, as a user would delete them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from data_storage_service.queries import Queries
from data_storage_service.settling import Settler

_log = logging.getLogger(__name__)


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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        at_once: int = 200,
    ) -> None:
        self._queries = queries
        self._settler = settler
        self._days = days
        self._now = now
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
