"""One run of a job on one image: its span, its timings, and what becomes of its errors."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from redis.exceptions import RedisError
from rq import get_current_job
from rq.job import Job
from rq.timeouts import JobTimeoutException

from facepipe.domain.analysis import PartError
from facepipe.domain.errors import FacepipeError
from facepipe.ledger.states import StageRun
from facepipe.stages import StageName
from facepipe.telemetry import image_span

MAX_MESSAGE_CHARS = 500
# A run that takes less is told to the ledger with its part alone.
START_TOLD_AFTER_S = 0.5
# Set on the job in memory, never saved: how the worker learns that the run ended in a failure
# that was reported instead of raised.
FAILURE_KEY = "reported_failure"

_log = logging.getLogger(__name__)


class RunReports(Protocol):
    """Where a run is reported: the part of `FaceStoreClient` that `part_run` uses."""

    def save_started(self, run: StageRun) -> bool: ...

    def save_failure(self, run: StageRun, error: PartError) -> bool: ...


class PartRun:
    """A run in progress."""

    def __init__(self, stage: StageName, image_id: str, generation: int, job: Job | None) -> None:
        self._stage = stage
        self._image_id = image_id
        self._generation = generation
        self._started_at = datetime.now(UTC)
        self._worker = (job.worker_name if job else None) or socket.gethostname()
        self.attempt = attempt_of(job) if job else 1
        self.is_last_attempt = job is not None and not job.retries_left
        self.timings_ms: dict[str, float] = {}
        queued_at = job.enqueued_at if job else None
        if queued_at is not None:
            waited = self._started_at - queued_at.astimezone(UTC)
            self.timings_ms["queued"] = round(max(0.0, waited.total_seconds() * 1000), 1)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measures a step: its milliseconds are added to `timings_ms[step]`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            elapsed_ms = (time.perf_counter() - begin) * 1000
            self.timings_ms[step] = round(self.timings_ms.get(step, 0.0) + elapsed_ms, 1)

    @property
    def run(self) -> StageRun:
        """The run as it stands now, to be handed to `save_*` with its part."""
        return StageRun(
            image_id=self._image_id,
            generation=self._generation,
            stage=self._stage,
            attempt=self.attempt,
            worker=self._worker,
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            timings_ms=dict(self.timings_ms),
        )


def attempt_of(job: Job) -> int:
    """Which try of a job this is, from 1 on."""
    return 1 + len(job.retry_intervals or []) - (job.retries_left or 0)


@contextmanager
def part_run(
    stage: StageName, image_id: str, generation: int, client: RunReports
) -> Iterator[PartRun]:
    """Wraps the work of a stage on one image; used inside a job function.

    It continues the image's trace, tells the ledger that the stage began (if it takes long or
    fails, and the ledger answers), and decides what becomes of an error. An error that trying
    again cannot help, or that comes at the last attempt, is reported as the stage's failure and
    goes no further. Any other is raised, and RQ tries again. A transient error, or one of Redis,
    is always raised: it says nothing about the image. When the attempts are used up by an outage,
    the reconciler starts the image over after it.

    Outside of a worker there is no last attempt.
    """
    job = get_current_job()
    run = PartRun(stage, image_id, generation, job)
    traceparent = str(job.meta.get("traceparent", "")) if job else ""
    with image_span(
        str(stage),
        image_id,
        traceparent=traceparent,
        generation=generation,
        attempt=run.attempt,
    ):
        try:
            with _told_when_long(run, client):
                yield run
        except Exception as error:
            if not _is_final(error, run):
                _report_start(run, client)
                _log.warning("attempt %d failed: %s", run.attempt, error, exc_info=error)
                raise
            _report_failure(run, client, error)
            if job is not None:
                job.meta[FAILURE_KEY] = part_error(error).code


def part_error(error: Exception) -> PartError:
    """An exception as the ledger keeps it: a stable code and a sentence."""
    if isinstance(error, FacepipeError):
        return PartError(code=error.code, message=error.message[:MAX_MESSAGE_CHARS])
    if isinstance(error, JobTimeoutException):
        return PartError(code="timeout", message="the stage took longer than its timeout")
    if isinstance(error, MemoryError):
        return PartError(code="out_of_memory", message="the stage ran out of memory")
    message = f"{type(error).__name__}: {error}"
    return PartError(code=FacepipeError.code, message=message[:MAX_MESSAGE_CHARS])


def _is_final(error: Exception, run: PartRun) -> bool:
    if isinstance(error, RedisError) or (isinstance(error, FacepipeError) and error.transient):
        return False
    return run.is_last_attempt or isinstance(error, FacepipeError)


@contextmanager
def _told_when_long(run: PartRun, client: RunReports) -> Iterator[None]:
    timer = threading.Timer(START_TOLD_AFTER_S, _report_start, (run, client))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _report_start(run: PartRun, client: RunReports) -> None:
    try:
        client.save_started(run.run)
    except FacepipeError as error:
        _log.info("the ledger was not told of the start: %s", error)


def _report_failure(run: PartRun, client: RunReports, error: Exception) -> None:
    failure = part_error(error)
    _log.error("%s: %s", failure.code, failure.message, exc_info=error)
    try:
        client.save_failure(run.run, failure)
    except FacepipeError as unreported:
        # The job ends as failed; with no failure in the ledger it is run again as a new
        # generation by the reconciler.
        raise unreported from error
