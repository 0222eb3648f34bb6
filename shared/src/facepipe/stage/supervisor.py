"""Keeps the workers of a stage alive, and their jobs in good hands."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from uuid import uuid4

from redis.exceptions import RedisError

from facepipe.domain.analysis import ModelInfo
from facepipe.files import jpeg_decodes
from facepipe.ledger.client import FaceStoreClient
from facepipe.queue import stage_reports
from facepipe.queue.redis_connection import connect_redis, redis_problem
from facepipe.queue.stage_reports import StageReport
from facepipe.stage.child import Child
from facepipe.stage.definition import Stage
from facepipe.stage.leases import Lease, Leases, Reason
from facepipe.stage.pace import Pace
from facepipe.stage.reclaimer import FailureReports, Reclaimer
from facepipe.stage.slot import Slot
from facepipe.system.settings import Settings

TICK_S = 1.0
LOOK_S = 1.0
# Short, so that one unanswered call does not cost the leases of the other workers.
REDIS_TIMEOUT_S = 2.0
FLUSH_S = 3.0

_log = logging.getLogger(__name__)


def _store_of(settings: Settings) -> FaceStoreClient:
    return FaceStoreClient(settings.address.store_grpc, settings.inside_token, ca=settings.tls.ca)


class Supervisor:
    """A thread that runs the workers of a stage, and one that reclaims jobs.

    `start` and `stop` are called once each. The rest may be asked from any thread.
    """

    def __init__(self, stage: Stage, failures: FailureReports | None = None) -> None:
        settings = stage.settings
        self._stage = stage
        self._patience = stage.patience
        self._lease_s = settings.stage.lease_s
        self._redis = connect_redis(settings.redis, REDIS_TIMEOUT_S)
        self._leases = Leases(self._redis, stage.queue, self._lease_s)
        self._store = None if failures else _store_of(settings)
        reports = failures or self._store
        assert reports is not None  # noqa: S101  # one of the two is
        self._reclaimer = Reclaimer(self._leases, reports, stage.patience)
        self.queue = str(stage.queue)
        self._slots = [Slot(number + 1) for number in range(stage.workers)]
        # Leases, or all those of a dead worker.
        self._to_give_back: list[tuple[Lease | str, Reason]] = []
        self._looked_at = 0.0
        self._host = (settings.stage.host or socket.gethostname()).replace(":", "-")
        self._instance = f"{stage.name}:{self._host}:{os.getpid()}-{uuid4().hex[:8]}"
        self._reported_at = float("-inf")
        self._kill_at: float | None = None
        self._stopping = threading.Event()
        self._wake_fd = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._pace = Pace()
        self.jobs: Counter[str] = Counter()
        self.job_seconds = 0.0
        self.restarts: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()
        self._reclaimer.start()

    def stop(self) -> None:
        """Lets the workers finish what they have in hand, for a while; gives back the rest."""
        self._stopping.set()
        os.eventfd_write(self._wake_fd, 1)
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._wake_fd)
        self._reclaimer.stop()
        self._redis.close()
        if self._store is not None:
            self._store.close()

    # What others may ask.

    @property
    def children(self) -> list[Child]:
        """The workers that live."""
        return [child for slot in self._slots if (child := slot.child) is not None]

    @property
    def abandoned(self) -> Counter[str]:
        """What became of reclaimed jobs, of this host or another: requeued, failed."""
        return Counter({str(key): count for key, count in self._reclaimer.outcomes.items()})

    def models(self) -> dict[str, ModelInfo]:
        """The models that the workers have loaded, by part."""
        loaded = [child.models for child in self.children]
        return {part: model for models in loaded for part, model in models.items()}

    def queue_length(self) -> int:
        """Jobs that wait; raises RedisError."""
        return self._leases.queue_length()

    def redis_problem(self) -> str | None:
        """A check of `/readyz`: does Redis answer?"""
        return redis_problem(self._redis)

    def workers_problem(self) -> str | None:
        """A check of `/readyz`: has every worker loaded its models, and does RQ know it?"""
        if self._stopping.is_set() or not self._thread.is_alive():
            return "not running"
        problems = [problem for slot in self._slots if (problem := slot.why_not_ready())]
        return "; ".join(problems) or None

    # The thread.

    def _run(self) -> None:
        while not self._is_finished():
            try:
                self._tick()
            except Exception:
                _log.exception("the supervisor stumbled")
                time.sleep(TICK_S)
        deadline = time.monotonic() + FLUSH_S
        while self._to_give_back and time.monotonic() < deadline:
            self._give_back()
            time.sleep(0.05 if self._to_give_back else 0)
        with suppress(RedisError):
            stage_reports.withdraw(self._redis, self._instance)

    def _is_finished(self) -> bool:
        return self._stopping.is_set() and not self.children

    def _tick(self) -> None:
        self._listen()
        self._reap_dead()
        if self._stopping.is_set():
            self._stop_children()
        else:
            self._start_missing()
        self._kill_overdue()
        self._renew()
        self._give_back()
        self._look_at_registrations()
        self._report()

    def _listen(self) -> None:
        by_fd = {child.events_fd: child for child in self.children}
        ready, _, _ = select.select([*by_fd, self._wake_fd], [], [], TICK_S)
        for fd in ready:
            if fd in by_fd:
                self._hear(by_fd[fd])
            else:
                os.eventfd_read(fd)

    def _hear(self, child: Child) -> None:
        for event in child.read_events():
            worker_job = child.job
            child.note(event)
            if event["event"] != "ended":
                continue
            self.jobs[event["outcome"]] += 1
            self.job_seconds += event["seconds"]
            jpeg_decodes.note(event["jpeg_decodes"])
            if event["outcome"] == "lost" and worker_job is not None:
                # It may have done its work, but could not say so: somebody must do it again.
                self._to_give_back.append((worker_job.lease, Reason.UNSAVED))

    def _reap_dead(self) -> None:
        for slot in self._slots:
            child = slot.child
            if child is None or child.is_alive:
                continue
            self._hear(child)
            code, reason = child.reap()
            slot.child = None
            self._to_give_back.append((child.name, reason))
            if self._stopping.is_set():
                continue
            if child.leaving:
                _log.info("worker %s left: %s", child.name, child.leaving)
                self.restarts["replaced"] += 1
                continue
            self.restarts["died"] += 1
            slot.note_death(child, child.problem or f"exit code {code}", self._patience)
            _log.error("worker %s died (%s)", child.name, slot.problem, extra={"reason": reason})

    def _start_missing(self) -> None:
        for slot in self._slots:
            if slot.child is None and time.monotonic() >= slot.start_at:
                unique = f"{os.getpid()}-{uuid4().hex[:8]}"
                name = f"{self._stage.name}-{slot.number}-{self._host}-{unique}"
                slot.child = Child(self._stage, name)
                _log.info("worker %s started", name, extra={"worker_pid": slot.child.pid})

    def _stop_children(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._patience.grace_s
            for child in self.children:
                child.ask_to_stop()
        is_late = time.monotonic() >= self._kill_at
        for child in self.children:
            if is_late or child.loaded_at is None:
                child.kill(Reason.SHUTDOWN)

    def _kill_overdue(self) -> None:
        for child in self.children:
            job = child.job
            if job is None or job.timeout_s <= 0:
                continue
            if time.monotonic() > job.started_at + job.timeout_s + self._patience.overtime_s:
                _log.error("worker %s hangs in job %s: killed", child.name, job.lease.job_id)
                child.kill(Reason.TIMEOUT)

    def _renew(self) -> None:
        for child in self.children:
            job, moment = child.job, time.monotonic()
            if job is None or moment < child.renewed_at + self._lease_s / 4:
                continue
            try:
                is_held = self._leases.renew(job.lease, child.name)
            except RedisError as error:
                _log.warning("the lease of %s could not be renewed: %s", job.lease.job_id, error)
                return
            child.renewed_at = moment
            if not is_held:
                _log.warning("worker %s has lost the lease of %s", child.name, job.lease.job_id)

    def _give_back(self) -> None:
        try:
            while self._to_give_back:
                held, reason = self._to_give_back[0]
                if isinstance(held, Lease):
                    self._leases.give_back(held, reason)
                else:
                    self._leases.give_back_all(held, reason)
                self._to_give_back.pop(0)
                self._reclaimer.wake()
        except RedisError:
            _log.debug("Redis does not answer; jobs are given back later")

    def _look_at_registrations(self) -> None:
        if time.monotonic() < self._looked_at + LOOK_S:
            return
        self._looked_at = time.monotonic()
        answers = True
        for child in self.children:
            try:
                child.is_registered = answers and self._leases.is_registered(child.name)
            except RedisError:
                child.is_registered = answers = False

    def _report(self) -> None:
        """Tells the others what is in use here, and what is wrong."""
        if time.monotonic() < self._reported_at + stage_reports.EVERY_S:
            return
        self._reported_at = time.monotonic()
        report = StageReport(
            service=self._stage.name,
            problem=self.workers_problem() or "",
            models=self.models(),
            host=self._host,
            workers=len(self.children),
            jobs_per_s=self._pace.after(self.jobs.total()),
        )
        try:
            stage_reports.publish(self._redis, self._instance, report)
        except RedisError:
            _log.debug("Redis does not answer; the report comes later")
