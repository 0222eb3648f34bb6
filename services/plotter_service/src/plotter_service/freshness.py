"""Has outdated plots drawn anew when somebody looks at them."""

from __future__ import annotations

import asyncio
import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from facepipe.domain.errors import FacepipeError
from facepipe.queue.jobs import enqueue_plots
from facepipe.queue.redis_connection import explain
from plotter_service.collect import Counts
from plotter_service.files import PlotFiles
from plotter_service.settings import PlotterSettings

_POLL_S = 0.1

_log = logging.getLogger(__name__)


class Freshness:
    """Compares the plots with the ledger, and waits a while for new ones.

    Nothing is drawn while nobody looks. Plots that were drawn a moment ago are fresh enough,
    so that a visitor who watches a long batch does not have them drawn all the time.
    """

    def __init__(
        self, files: PlotFiles, ledger: Counts, redis: Redis, settings: PlotterSettings
    ) -> None:
        self._files = files
        self._ledger = ledger
        self._redis = redis
        self._settings = settings

    async def ensure(self) -> None:
        """Returns when the plots are fresh, or when nothing better than they are can be had."""
        age_s = self._files.age_s()
        if age_s is not None and age_s < self._settings.min_interval_s:
            return
        try:
            wanted = (await asyncio.to_thread(self._ledger.stats)).revision
            if self._files.revision() == wanted:
                return
            await asyncio.to_thread(enqueue_plots, self._redis)
        except (FacepipeError, RedisError) as error:
            _log.warning("the plots cannot be drawn anew now: %s", explain(error))
            return
        await self._wait_for(wanted)

    async def _wait_for(self, revision: int) -> None:
        deadline = time.monotonic() + self._settings.wait_s
        while time.monotonic() < deadline:
            shown = self._files.revision()
            if shown is not None and shown >= revision:
                return
            await asyncio.sleep(_POLL_S)
        _log.warning("the plots were not drawn within %g s", self._settings.wait_s)
