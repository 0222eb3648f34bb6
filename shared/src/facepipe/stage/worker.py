"""The worker process: `python -m facepipe.stage.worker LABEL`, started by the supervisor.

It reads its configuration from stdin (so that no password shows in a process list), loads
the models, and does one job after another until it is told to stop, has done its share, or
has grown too large. What happens is told to the supervisor in lines of JSON on a pipe. When
the supervisor dies, so does the worker.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import now
from rq.worker import WorkerStatus

from facepipe import telemetry
from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import UnknownJobError
from facepipe.files import jpeg_decodes
from facepipe.queue.job_table import JobKind, job_kind
from facepipe.queue.jobs import ImageJob, id_text
from facepipe.queue.redis_connection import connect_redis, explain
from facepipe.stage.admission import fetch_admitted
from facepipe.stage.leases import Lease, Leases
from facepipe.stage.runs import FAILURE_KEY
from facepipe.stages import STAGE
from facepipe.system.memory import freeze_loaded, keep_freed_memory
from facepipe.system.settings import Settings

DEQUEUE_S = 2
HEARTBEAT_S = 5.0
MAX_PAUSE_S = 2.0
# RQ derives its time to live of a worker's record and its socket timeout from this.
WORKER_TTL_S = 16
MAX_PROBLEM_CHARS = 600
_PR_SET_PDEATHSIG = 1

# The module runs as `__main__`, which would say nothing in a log.
_log = logging.getLogger("facepipe.stage.worker")


class WorkerConfig(BaseModel):
    """What the supervisor tells a worker."""

    service: str
    name: str
    queue: str
    function: str
    supervisor_pid: int
    events_fd: int
    settings: dict[str, Any]

    @property
    def kind(self) -> JobKind:
        return replace(job_kind(self.queue), function=self.function)


class LeaseLostError(Exception):
    """The job was given to somebody else while this worker was at it."""


class Events:
    """The pipe to the supervisor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def tell(self, event: str, **fields: object) -> None:
        with suppress(BrokenPipeError):
            os.write(self._fd, json.dumps({"event": event, **fields}).encode() + b"\n")


class StageWorker(SimpleWorker):
    """RQ's worker without forks, with a lease instead of a long patience.

    The loop is our own: RQ's ends with the first call that Redis does not answer, and a
    worker that has loaded its models should rather wait.
    """

    def __init__(self, config: WorkerConfig, redis: Redis, events: Events) -> None:
        settings = Settings(**config.settings)
        self._limits = settings.stage
        self._kind = config.kind
        self._leases = Leases(redis, config.queue, settings.stage.lease_s)
        super().__init__(
            [self._leases.queue],
            name=config.name,
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            prepare_for_work=False,  # that asks Redis, which may be down
        )
        self.hostname, self.pid, self.ip_address = socket.gethostname(), os.getpid(), "unknown"
        self._events = events
        self._done = 0
        self._heartbeat_at = 0.0
        self._rests = False
        self.is_stopping = False

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Says that the worker lives; its record outlives the lease of a job."""
        super().heartbeat(None, pipeline)

    def run(self) -> str:
        """Works until there is a reason to leave, and returns it."""
        pause_s = 0.1
        while not self.is_stopping:
            try:
                self._register()
                self._step()
                pause_s = 0.1
            except RedisError as error:
                _log.warning("Redis does not answer, trying again: %s", explain(error))
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
            if self._done >= self._limits.max_jobs:
                return f"{self._done} jobs done"
            if (rss_mb := resident_mb()) > self._limits.max_rss_mb:
                return f"grown to {rss_mb:.0f} MB"
        return "told to stop"

    def _register(self) -> None:
        """Enters this worker into RQ's list, again if Redis has lost it."""
        if not self._leases.is_registered(self.name):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # untyped in RQ
            self.set_state(WorkerStatus.IDLE)
        if time.monotonic() >= self._heartbeat_at:
            self._heartbeat_at = time.monotonic() + HEARTBEAT_S
            self.heartbeat()

    def _step(self) -> None:
        queue = self._leases.queue
        if self._rests and self._is_paused():
            time.sleep(DEQUEUE_S)
            return
        try:
            _, job_id = Queue.lmove(self.connection, queue.key, DEQUEUE_S)
        except DequeueTimeout:
            return
        if self._is_paused():
            self._leases.put_back(job_id)
            return
        try:
            job = fetch_admitted(self.connection, job_id, self._kind)
        except UnknownJobError as error:
            self._refuse(id_text(job_id), error)
            return
        if job is not None:  # else the reclaimer clears its id away
            self.execute_job(job, queue)
            self._done += 1

    def _is_paused(self) -> bool:
        """Whether the work on photographs is paused; what shows the results goes on."""
        is_stage = self._kind.queue in STAGE
        self._rests = is_stage and bool(self.connection.exists(WORKERS_SUSPENDED))
        return self._rests

    def _refuse(self, job_id: str, error: UnknownJobError) -> None:
        """Fails a job that is none of ours, without a try."""
        _log.error("%s: the job %r was not run: %s", error.code, job_id[:160], error)
        self._leases.refuse(job_id, f"{error.code}: {error}")
        self._events.tell("ended", outcome="refused", seconds=0.0, jpeg_decodes=0)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Does one job; its lease is told to the supervisor, who renews it."""
        begin, decodes_before = time.perf_counter(), jpeg_decodes.so_far()
        outcome, can_retry = "lost", job.should_retry
        try:
            execution = self.prepare_execution(job)
            self._events.tell(
                "started", job=job.id, execution=execution.id, timeout=job.timeout or 0
            )
            is_done = self.perform_job(job, queue, execution)
            if not is_done:
                outcome = "retried" if can_retry else "failed"
                self.set_state(WorkerStatus.IDLE)
            else:
                outcome = "failed" if FAILURE_KEY in job.meta else "done"
        except LeaseLostError:
            _log.warning("job %s was given to another worker meanwhile", job.id)
        except RedisError as error:
            _log.warning("Redis was not told how job %s ended: %s", job.id, error)
        finally:
            self.executions.clear()
            self._events.tell(
                "ended",
                outcome=outcome,
                seconds=round(time.perf_counter() - begin, 4),
                jpeg_decodes=jpeg_decodes.so_far() - decodes_before,
            )

    def prepare_execution(self, job: Job) -> Execution:
        """RQ's two steps before a job in one, on the clock of Redis."""
        execution = Execution(uuid4().hex, job.id, self.connection, self.name)
        self._leases.take(Lease(job.id, execution.id), self.name)
        self.executions[execution.id] = execution
        job.worker_name = self.name
        return execution

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """The second of them, which `prepare_execution` has done."""

    def _finalize_success(
        self, job: Job, queue: Queue, execution: Execution, return_value: object
    ) -> None:
        """RQ's steps after a job in one, for jobs of which nothing is kept."""
        seconds = (now() - job.started_at).total_seconds() if job.started_at else 0.0
        if not self._leases.finish(Lease(job.id, execution.id), job, self.name, seconds):
            raise LeaseLostError(job.id)

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Before anything is written about a job: is it still ours?"""
        execution: Execution | None = self.execution
        if execution is None or not self._leases.is_held(Lease(job.id, execution.id)):
            raise LeaseLostError(job.id)
        super().handle_execution_ended(job, queue, heartbeat_ttl)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """One line; `part_run` has logged the whole of it with the image's trace."""
        is_told = ImageJob.from_job_id(job.id) is not None
        _log.warning(
            "job %s raised %s", job.id, exc_info[0], exc_info=None if is_told else exc_info
        )


def resident_mb() -> float:
    """Memory that this process holds, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def die_with(supervisor_pid: int) -> None:
    """Has the kernel kill this process when its supervisor dies, in whatever way."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor_pid:  # it died before we could ask for that
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    config = WorkerConfig.model_validate_json(sys.stdin.buffer.read())
    die_with(config.supervisor_pid)
    keep_freed_memory()
    stopping = [False]
    workers: list[StageWorker] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping[0] = True
        for worker in workers:
            worker.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches us too; the supervisor decides
    settings = Settings(**config.settings)
    telemetry.setup(config.service, settings)
    logging.getLogger("rq").setLevel(logging.WARNING)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    events = Events(config.events_fd)
    try:
        module = importlib.import_module(config.kind.module)
        models: Mapping[str, ModelInfo] = module.load() or {}
    except Exception as error:
        _log.exception("%s could not be loaded", config.kind.module)
        events.tell("problem", text=f"{type(error).__name__}: {error}"[:MAX_PROBLEM_CHARS])
        return 1
    worker = StageWorker(config, connect_redis(settings.redis), events)
    workers.append(worker)
    worker.is_stopping = stopping[0]
    events.tell("loaded", models={part: model.model_dump() for part, model in models.items()})
    freeze_loaded()
    why = worker.run()
    _log.info("worker %s leaves: %s", config.name, why)
    events.tell("leaving", why=why)
    with suppress(RedisError):
        worker.register_death()  # type: ignore[no-untyped-call]  # untyped in RQ
    telemetry.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
