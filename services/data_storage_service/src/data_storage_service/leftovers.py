"""What crashes and outages leave behind, and nobody else comes back for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import cast

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.results import Result

from data_storage_service.queries import Queries
from facepipe.files.result_files import ResultFiles
from facepipe.queue.jobs import ImageJob, queue_of
from facepipe.stages import STAGES

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


class FailedJobSweep:
    """Drops what RQ keeps of a failed job once its image has come to its end.

    A job that fails in an outage stays for an hour, although its image was started over and
    finished; it carries the image's id.
    """

    def __init__(self, redis: Redis, queries: Queries) -> None:
        self._redis = redis
        self._queries = queries

    def __call__(self) -> int:
        """One pass; returns how many jobs were dropped. Raises RedisError."""
        return sum(self._sweep(queue_of(spec.name, self._redis)) for spec in STAGES)

    def _sweep(self, queue: Queue) -> int:
        key = queue.failed_job_registry.key
        members = cast(list[bytes], self._redis.zrange(key, 0, _AT_ONCE - 1))
        failed = [member.decode() for member in members]
        jobs = {job_id: ImageJob.from_job_id(job_id) for job_id in failed}
        finished = set(self._queries.finished([job.image_id for job in jobs.values() if job]))
        done = [job_id for job_id, job in jobs.items() if job and job.image_id in finished]
        with self._redis.pipeline() as pipe:
            for job_id in done:
                pipe.zrem(key, job_id)
                results_key = Result.get_key(job_id)  # type: ignore[no-untyped-call]  # RQ has no types there
                pipe.delete(Job.key_for(job_id), results_key)
            pipe.execute()
        return len(done)


class AsideSweep:
    """Removes files that a killed writer left half written."""

    def __init__(self, files: ResultFiles) -> None:
        self._files = files

    def __call__(self) -> int:
        """One pass; returns how many files there were."""
        if count := self._files.remove_asides():
            _log.info("removed %d half-written files", count)
        return count
