"""Hands the jobs that are due to the stages' queues: at once, or as soon as Redis takes them.

A due job is a row of the ledger, written with the part that it follows from. Sending it twice
does no harm, since RQ takes a job id once.
"""

from __future__ import annotations

import logging
import threading
import time

from redis import Redis
from redis.exceptions import RedisError

from data_storage_service.ledger import Ledger
from data_storage_service.pausing import Pause
from data_storage_service.queries import DueJob, Queries
from facepipe.domain.errors import FacepipeError
from facepipe.queue.jobs import ImageJob, enqueue
from facepipe.queue.redis_connection import explain

_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends what the ledger's transactions left to be sent. Thread-safe."""

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        redis: Redis,
        pause: Pause,
        timeout_s: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._redis = redis
        self._pause = pause
        self._timeout_s = timeout_s
        self._no_tries_before = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def dispatch(self, image_id: str) -> None:
        """Sends what is due of an image; what Redis does not take now follows later."""
        if time.monotonic() < self._no_tries_before:
            return
        try:
            self._send(self._queries.unsent_jobs(image_id))
        except RedisError as error:
            self._no_tries_before = time.monotonic() + _PAUSE_S
            _log.warning("queued later: %s", explain(error), extra={"image_id": image_id})

    def dispatch_all(self) -> int:
        """Sends everything that is due; returns how many jobs there were.

        Raises:
            RedisError: it takes no jobs now.
            FacepipeError: the ledger cannot be used now.
        """
        count = 0
        while jobs := self._queries.unsent_jobs():
            self._send(jobs)
            count += len(jobs)
        return count

    def _send(self, jobs: list[DueJob]) -> None:
        taken: list[DueJob] = []
        self._pause.tell_before_work()
        try:
            for job in jobs:
                image_job = ImageJob(job.stage, job.image_id, job.generation, job.traceparent)
                enqueue(self._redis, image_job, timeout_s=self._timeout_s, urgent=job.is_urgent)
                taken.append(job)
        finally:
            if taken:
                self._ledger.sent(taken)

    def _run(self) -> None:
        """For what a crash, an outage of Redis, or another process has left."""
        is_down = False
        while not self._stop.wait(_PAUSE_S):
            try:
                self._pause.tell()
                self.dispatch_all()
                is_down = False
            except (RedisError, FacepipeError) as error:
                if not is_down:
                    _log.warning("jobs wait in the ledger: %s", explain(error))
                is_down = True
            except Exception:
                _log.exception("dispatching failed")
