"""Gives back the jobs of dead workers, of any host, and starts retries whose pause is over."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from redis.exceptions import RedisError
from rq.registry import FailedJobRegistry
from rq.utils import utcparse
from rq.worker_registration import clean_worker_registry

from facepipe.domain.analysis import PartError
from facepipe.domain.errors import FacepipeError
from facepipe.ledger.states import StageRun
from facepipe.queue.jobs import ImageJob
from facepipe.queue.redis_connection import explain
from facepipe.stage.definition import Patience
from facepipe.stage.leases import Lease, Leases, Outcome, Reason, RedisClock
from facepipe.stages import STAGE, StageName

HOUSEKEEPING_S = 60.0
REPORT_PAUSE_S = 2.0
_GIVING_UP_MS = 10_000

_MESSAGES = {
    Reason.WORKER_DIED: "the worker of the stage died, and no attempt is left",
    Reason.OUT_OF_MEMORY: "the stage ran out of memory, and no attempt is left",
    Reason.TIMEOUT: "the stage took longer than its timeout, and no attempt is left",
}

_log = logging.getLogger(__name__)


class FailureReports(Protocol):
    """Where a job without attempts is reported: `FaceStoreClient.save_failure`."""

    def save_failure(self, run: StageRun, error: PartError) -> bool: ...


class Reclaimer:
    """A thread that sweeps one queue.

    Any number of them may sweep the same queue: each step is atomic in Redis.
    """

    def __init__(self, leases: Leases, failures: FailureReports, patience: Patience) -> None:
        self._leases = leases
        self._failures = failures
        self._patience = patience
        self._seen_at: dict[str, float] = {}
        self._no_reports_before = 0.0
        self._no_expiry_before = 0.0
        self._housekeeping_at = 0.0
        # Below this, a jump ends no lease that is renewed in time.
        self._clock = RedisClock(leases.lease_s / 4)
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="reclaimer", daemon=True)
        self.outcomes: Counter[Outcome] = Counter()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to reclaim: do not wait for the next sweep."""
        self._wake.set()

    def stop(self) -> None:
        """Sweeps once more and ends."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        is_down = False
        while True:
            self._wake.wait(self._patience.sweep_s)
            self._wake.clear()
            is_last = self._stopping
            try:
                if is_down:
                    # Nobody could renew. Those who live do it now, before they lose their jobs.
                    self._leases.redis.ping()
                    self._no_expiry_before = time.monotonic() + self._leases.lease_s / 2
                    is_down = False
                self.sweep()
            except RedisError as error:
                if not is_down:
                    _log.warning("Redis does not answer, nothing is reclaimed: %s", explain(error))
                is_down = True
            except Exception:
                _log.exception("a sweep failed")
            if is_last:
                return

    def sweep(self) -> None:
        """Does what there is to do now.

        Raises:
            redis.exceptions.RedisError: the rest is left to the next sweep.
        """
        backlog = self._leases.backlog()
        if self._clock.has_jumped(backlog.time_s):
            # Forward, and every lease looks as if it had run out: the living renew theirs now.
            self._no_expiry_before = time.monotonic() + self._leases.lease_s / 2
            self._leases.after_jump()
        self._clock.follow(backlog.time_s)
        for job_id in backlog.due:
            self._leases.start_due(job_id)
        for lease in backlog.given_back:
            self._reclaim(lease)
        if time.monotonic() >= self._no_expiry_before:
            for lease in backlog.expired:
                self._reclaim(lease)
        for job_id in self._overdue_strays(backlog.strays):
            self._reclaim(Lease(job_id, ""))
        if time.monotonic() >= self._housekeeping_at:
            self._housekeeping_at = time.monotonic() + HOUSEKEEPING_S
            FailedJobRegistry(queue=self._leases.queue).cleanup()
            clean_worker_registry(self._leases.queue)

    def _overdue_strays(self, strays: frozenset[str]) -> list[str]:
        """Of the jobs between queue and worker, those that are stuck there."""
        moment = time.monotonic()
        self._seen_at = {job_id: self._seen_at.get(job_id, moment) for job_id in strays}
        limit = moment - self._patience.stray_s
        return [job_id for job_id, seen_at in self._seen_at.items() if seen_at <= limit]

    def _reclaim(self, lease: Lease) -> None:
        outcome = self._leases.reclaim(lease)
        if outcome is Outcome.EXHAUSTED:
            outcome = self._give_up(lease)
        if outcome in (Outcome.REQUEUED, Outcome.FAILED):
            _log.warning("abandoned job %s was %s", lease.job_id, outcome, extra=_extra(lease))
        self.outcomes[outcome] += 1

    def _give_up(self, lease: Lease) -> Outcome:
        """Reports the failure, then fails the job; in this order, so that neither is lost."""
        if time.monotonic() < self._no_reports_before:
            return Outcome.KEPT
        redis, lock = self._leases.redis, f"facepipe:giving-up:{lease.job_id}"
        if not redis.set(lock, 1, nx=True, px=_GIVING_UP_MS):
            return Outcome.KEPT  # another host is at it
        try:
            try:
                if not self._report(lease):
                    return Outcome.KEPT
            except (ValueError, TypeError):
                _log.exception("the record of job %r is not ours", lease.job_id[:160])
            return self._leases.reclaim(lease, final=True)
        finally:
            with suppress(RedisError):
                redis.delete(lock)

    def _report(self, lease: Lease) -> bool:
        """Tells the ledger that the stage gave up; False when that must be tried again."""
        job = ImageJob.from_job_id(lease.job_id)
        if job is None or job.queue not in STAGE:
            return True
        stage = StageName(job.queue)
        fields = self._leases.job_fields(lease.job_id)
        reason = Reason(fields["given_back"] or Reason.WORKER_DIED)
        error = PartError(code=str(reason), message=_MESSAGES[reason])
        ended_at = datetime.now(UTC)
        started_at = utcparse(fields["started_at"]) if fields["started_at"] else ended_at
        run = StageRun(
            image_id=job.image_id,
            generation=job.generation,
            stage=stage,
            attempt=1 + len(json.loads(fields["retry_intervals"] or "[]")),
            worker=fields["worker_name"],
            started_at=started_at,
            ended_at=ended_at,
        )
        try:
            self._failures.save_failure(run, error)
        except FacepipeError as unreported:
            _log.warning("failure of %s was not reported: %s", lease.job_id, unreported)
            # An error that stays leaves the job failed here and unknown there: the reconciler
            # starts it again as a new generation.
            self._no_reports_before = time.monotonic() + REPORT_PAUSE_S
            return not unreported.transient
        return True


def _extra(lease: Lease) -> dict[str, str]:
    job = ImageJob.from_job_id(lease.job_id)
    return {"image_id": job.image_id} if job else {}
