"""Hands the jobs that are due to the stages' queues: at once, or as soon as Redis takes them.

A due job is a row of the ledger, written with what it follows from. Sending it twice does no
harm: RQ takes an id that it knows once, and a stage that runs again finds its part there. So the
jobs of a second are marked as sent all together (docs/adr/0030).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from data_storage_service.due_jobs import DueJob
from data_storage_service.leading import Lead
from data_storage_service.ledger import Ledger
from data_storage_service.pausing import Pause
from data_storage_service.queries import Queries
from facepipe.domain.errors import FacepipeError
from facepipe.queue.jobs import ImageJob, enqueue
from facepipe.queue.redis_connection import explain

_PAUSE_S = 1.0
_OTHERS_MARK_WITHIN_S = 2.5

_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends what the ledger's transactions left to be sent. Thread-safe."""

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        redis: Redis,
        pause: Pause,
        lead: Lead,
        timeout_s: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._redis = redis
        self._pause = pause
        self._lead = lead
        self._timeout_s = timeout_s
        self._no_tries_before = 0.0
        self._unmarked: set[DueJob] = set()
        self._seen: dict[DueJob, float] = {}
        self._marking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def dispatch(self, image_id: str) -> None:
        """Sends what is due of an image; what Redis does not take now follows later."""
        if self._is_waiting():
            return
        with self._patience(image_id):
            unsent = self._queries.unsent_jobs(image_id)
            self._send([job for job in unsent if job not in self._unmarked])

    def pass_on(self, image_id: str, jobs: Sequence[DueJob]) -> bool:
        """Sends what has just become due; False: Redis does not take it now, it follows later."""
        if not jobs:
            return True
        if self._is_waiting():
            return False
        sent = 0
        with self._patience(image_id):
            for job in jobs:
                self._enqueue(job)
                sent += 1
                with self._marking:
                    self._unmarked.add(job)
        return sent == len(jobs)

    def dispatch_all(self) -> int:
        """Sends everything that is due; returns how many jobs there were.

        Raises:
            RedisError: it takes no jobs now.
            FacepipeError: the ledger cannot be used now.
        """
        self._mark()
        count = 0
        while jobs := self._overdue(self._queries.unsent_jobs()):
            self._send(jobs)
            count += len(jobs)
        return count

    def _overdue(self, unsent: list[DueJob]) -> list[DueJob]:
        """Those that nobody sends: another process marks what it has sent within a second."""
        others = [job for job in unsent if job not in self._unmarked]
        if not self._lead.is_shared:
            return others
        now = time.monotonic()
        self._seen = {job: self._seen.get(job, now) for job in others}
        return [job for job, since in self._seen.items() if now - since >= _OTHERS_MARK_WITHIN_S]

    def _mark(self) -> None:
        with self._marking:
            passed_on = list(self._unmarked)
        if passed_on:
            self._ledger.sent(passed_on)
            with self._marking:
                self._unmarked.difference_update(passed_on)

    def _send(self, jobs: Sequence[DueJob]) -> None:
        taken: list[DueJob] = []
        try:
            for job in jobs:
                self._enqueue(job)
                taken.append(job)
        finally:
            if taken:
                self._ledger.sent(taken)

    def _enqueue(self, job: DueJob) -> None:
        self._pause.tell_before_work()
        image_job = ImageJob(job.stage, job.image_id, job.generation, job.traceparent)
        enqueue(self._redis, image_job, timeout_s=self._timeout_s, urgent=job.is_urgent)

    def _is_waiting(self) -> bool:
        return time.monotonic() < self._no_tries_before

    @contextmanager
    def _patience(self, image_id: str) -> Iterator[None]:
        """Leaves Redis alone for a while when it does not answer; the thread goes on then."""
        try:
            yield
        except RedisError as error:
            self._no_tries_before = time.monotonic() + _PAUSE_S
            _log.warning("queued later: %s", explain(error), extra={"image_id": image_id})

    def _run(self) -> None:
        """For what a crash, an outage of Redis, or another process has left."""
        is_down = False
        while not self._stop.wait(_PAUSE_S):
            try:
                self._pause.tell()
                if self._lead.is_held:
                    self.dispatch_all()
                else:
                    self._mark()
                is_down = False
            except (RedisError, FacepipeError) as error:
                if not is_down:
                    _log.warning("jobs wait in the ledger: %s", explain(error))
                is_down = True
            except Exception:
                _log.exception("dispatching failed")
