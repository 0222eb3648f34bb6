"""What crashes and outages leave behind, and nobody else comes back for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

from redis import Redis

from data_storage_service.files import ResultFiles
from data_storage_service.queries import Queries

_log = logging.getLogger(__name__)
_AT_ONCE = 500
_KEYS = ("image", "crops")


class CacheSweep:
    """Discards cached pixels of finished images.

    An image's keys are discarded when it is settled. They stay until they expire when Redis
    was away at that moment, or when a job that was done twice put them back.
    """

    def __init__(self, redis: Redis, queries: Queries) -> None:
        self._redis = redis
        self._queries = queries

    def __call__(self) -> int:
        """One pass; returns of how many images there was something. Raises RedisError."""
        count = 0
        ids = self._cached()
        while some := list(islice(ids, _AT_ONCE)):
            for image_id in self._queries.finished(some):
                self._redis.delete(*(f"{kind}:{image_id}" for kind in _KEYS))
                count += 1
        if count:
            _log.info("cached pixels of %d finished images discarded", count)
        return count

    def _cached(self) -> Iterator[str]:
        for kind in _KEYS:
            for key in self._redis.scan_iter(match=f"{kind}:*", count=1000):
                yield key.decode().partition(":")[2]


class AsideSweep:
    """Removes files that a killed writer left half written."""

    def __init__(self, files: ResultFiles) -> None:
        self._files = files

    def __call__(self) -> int:
        """One pass; returns how many files there were."""
        if count := self._files.remove_asides():
            _log.info("removed %d half-written files", count)
        return count
