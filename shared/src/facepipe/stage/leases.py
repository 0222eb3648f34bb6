"""Leases of running jobs: RQ's own keys, and our steps on them as atomic scripts.

A worker that takes a job enters an execution into RQ's StartedJobRegistry, a sorted set whose
score says until when the job is believed to be in good hands. That entry is the lease. The
supervisor renews it; when its time has passed, anybody may give the job back. Each step here
is one script (`lease_scripts`), so that two hosts never both take a job. Time is that of
Redis: hosts need not agree on theirs. When it jumps, `RedisClock` tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from redis import Redis
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE, Execution, ExecutionRegistry
from rq.job import Job
from rq.results import Result
from rq.utils import now, utcformat
from rq.worker import SimpleWorker
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from facepipe.queue.jobs import FAILURE_TTL_S, id_text, is_of_queue, job_key, queue_of
from facepipe.stage.lease_scripts import (
    AFTER_JUMP,
    BACKLOG,
    FINISH,
    GIVE_BACK,
    RECLAIM,
    REFUSE,
    RENEW,
    START_DUE,
    TAKE,
)

# How much longer than the lease the records of an execution are kept: RQ's own clean-up of a
# finished job stumbles over an execution whose record is gone.
KEEP_S = 120
# Nothing waits longer for its next attempt, or for its turn.
LONGEST_PAUSE_S = 60
_DUE_AT_ONCE = 1000


class Reason(StrEnum):
    """Why a lease was given back before its time. The last two cost no attempt."""

    WORKER_DIED = "worker_died"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"
    UNSAVED = "unsaved"


class Outcome(StrEnum):
    """What became of a job that was to be reclaimed."""

    KEPT = "kept"  # its lease was renewed, or somebody else was faster
    DROPPED = "dropped"  # it had ended, or is waiting already; only its traces were left
    REQUEUED = "requeued"
    EXHAUSTED = "exhausted"  # no attempt is left; nothing was changed yet
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Lease:
    """One execution of a job, as RQ names it."""

    job_id: str
    execution_id: str

    @property
    def entry(self) -> str:
        return f"{self.job_id}:{self.execution_id}" if self.execution_id else ""

    @classmethod
    def from_entry(cls, entry: bytes) -> Lease:
        job_id, _, execution_id = id_text(entry).partition(":")
        return cls(job_id, execution_id)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sweep has to look at."""

    given_back: Sequence[Lease]  # by the supervisor of a worker that died
    expired: Sequence[Lease]  # without a word
    strays: frozenset[str]  # ids on their way from the queue to a worker, without a lease
    due: Sequence[str]
    time_s: float  # of Redis, at that moment


class RedisClock:
    """Tells when the clock of Redis was set, by comparing it with a monotonic one.

    Args:
        tolerance_s: what network and scheduling may take.
    """

    def __init__(self, tolerance_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tolerance_s = tolerance_s
        self._monotonic = monotonic
        self._offset_s: float | None = None

    def has_jumped(self, redis_s: float) -> bool:
        """Whether it was set since `follow` was told of it last; also True before that."""
        offset_s = redis_s - self._monotonic()
        return self._offset_s is None or abs(offset_s - self._offset_s) > self._tolerance_s

    def follow(self, redis_s: float) -> None:
        """Takes the time for granted, once what a jump asks for is done."""
        self._offset_s = redis_s - self._monotonic()


class Leases:
    """The leases of one queue."""

    def __init__(self, redis: Redis, queue: str, lease_s: int) -> None:
        self.redis = redis
        self.queue = queue_of(queue, redis)
        self.lease_s = lease_s
        self._queue_name = str(queue)
        self._wip = self.queue.started_job_registry.key
        self._scheduled = self.queue.scheduled_job_registry.key
        self._failed = self.queue.failed_job_registry.key
        self._backlog = redis.register_script(BACKLOG)
        self._take = redis.register_script(TAKE)
        self._finish = redis.register_script(FINISH)
        self._renew = redis.register_script(RENEW)
        self._give_back = redis.register_script(GIVE_BACK)
        self._reclaim = redis.register_script(RECLAIM)
        self._refuse = redis.register_script(REFUSE)
        self._start_due = redis.register_script(START_DUE)
        self._after_jump = redis.register_script(AFTER_JUMP)

    def take(self, lease: Lease, worker: str) -> None:
        """Begins the lease of a job that the worker has got from the queue."""
        keys = [
            self._wip,
            self.queue.intermediate_queue_key,
            job_key(lease.job_id),
            self._execution_key(lease),
            self._executions_key(lease),
            worker_key(worker),
            WORKER_EXECUTIONS_KEY_TEMPLATE.format(worker),
        ]
        args: list[str | int] = [
            lease.job_id,
            lease.entry,
            lease.execution_id,
            worker,
            utcformat(now()),
            self.lease_s,
            self.lease_s + KEEP_S,
        ]
        self._take(keys=keys, args=args)

    def finish(self, lease: Lease, job: Job, worker: str, seconds: float) -> bool:
        """Ends the lease of a job that is done, and forgets the job; False when it was lost."""
        keys = [
            self._wip,
            worker_key(worker),
            WORKER_EXECUTIONS_KEY_TEMPLATE.format(worker),
            self._executions_key(lease),
            job.key,
            job.dependents_key,
            job.dependencies_key,
            Result.get_key(job.id),  # type: ignore[no-untyped-call]  # untyped in RQ
        ]
        nameless = Lease(lease.job_id, "")
        args: list[str | float] = [
            lease.entry,
            self._execution_key(nameless),
            f"{lease.job_id}:",
            seconds,
        ]
        return bool(self._finish(keys=keys, args=args))

    def renew(self, lease: Lease, worker: str) -> bool:
        """Makes a lease last `lease_s` from now; False when it was lost."""
        keys = [
            self._wip,
            self._execution_key(lease),
            self._executions_key(lease),
            worker_key(worker),
            WORKER_EXECUTIONS_KEY_TEMPLATE.format(worker),
        ]
        keep_s = self.lease_s + KEEP_S
        args: list[str | int] = [lease.entry, lease.execution_id, self.lease_s, keep_s]
        return bool(self._renew(keys=keys, args=args))

    def is_held(self, lease: Lease) -> bool:
        """Whether nobody has taken the job away from its worker."""
        return self.redis.zscore(self._wip, lease.entry) is not None

    def give_back_all(self, worker: str, reason: Reason) -> None:
        """Ends the leases of a dead worker, for `reason`, and strikes it off RQ's lists."""
        index = WORKER_EXECUTIONS_KEY_TEMPLATE.format(worker)
        for entry in cast(set[bytes], self.redis.smembers(index)):
            self.give_back(Lease.from_entry(entry), reason)
        key = worker_key(worker)
        with self.redis.pipeline() as pipe:
            pipe.delete(key, index)
            pipe.srem(REDIS_WORKER_KEYS, key)
            pipe.srem(WORKERS_BY_QUEUE_KEY % self._queue_name, key)
            pipe.execute()

    def give_back(self, lease: Lease, reason: Reason) -> None:
        """Ends a lease now; the next sweep, of any host, takes care of the job."""
        keys = [self._wip, job_key(lease.job_id)]
        self._give_back(keys=keys, args=[lease.entry, str(reason)])

    def backlog(self) -> Backlog:
        """What is there to do at this moment."""
        keys = [self._wip, self.queue.intermediate_queue_key, self._scheduled]
        answer = self._backlog(keys=keys, args=[_DUE_AT_ONCE])
        (seconds, micros), entries, moving, due = cast(list[list[bytes]], answer)
        timestamp = int(seconds) + int(micros) / 1e6
        until = {
            Lease.from_entry(entry): float(score)
            for entry, score in zip(entries[::2], entries[1::2], strict=True)
        }
        leased_ids = {lease.job_id for lease in until}
        return Backlog(
            [lease for lease, score in until.items() if score <= 0],
            [lease for lease, score in until.items() if 0 < score <= timestamp],
            frozenset(id_text(job_id) for job_id in moving) - leased_ids,
            [id_text(job_id) for job_id in due],
            timestamp,
        )

    def after_jump(self) -> None:
        """Ends what a clock that was set back would make last for hours: leases and pauses."""
        keys = [self._wip, self._scheduled]
        self._after_jump(keys=keys, args=[self.lease_s, LONGEST_PAUSE_S])

    def reclaim(self, lease: Lease, *, final: bool = False) -> Outcome:
        """Puts an abandoned job back on its queue, which costs it an attempt.

        Args:
            lease: one whose time has passed; without an execution id, a job that was taken
                from its queue by a worker that died before it had a lease.
            final: fail the job when no attempt is left, instead of leaving it.
        """
        if not self._owns(lease.job_id):
            self.redis.zrem(self._wip, lease.entry)
            self.refuse(lease.job_id, "")
            return Outcome.DROPPED
        keys = [
            self._wip,
            self.queue.intermediate_queue_key,
            self._scheduled,
            self.queue.key,
            job_key(lease.job_id),
            self._execution_key(lease),
            self._executions_key(lease),
            self._failed,
        ]
        args: list[str | int] = [
            lease.job_id,
            lease.entry,
            lease.execution_id,
            utcformat(now()),
            "final" if final else "",
            FAILURE_TTL_S,
        ]
        return Outcome(cast(bytes, self._reclaim(keys=keys, args=args)).decode())

    def refuse(self, job_id: str, why: str) -> bool:
        """Fails a job between queue and worker for good; False when it is no longer there."""
        keys = [self.queue.intermediate_queue_key, self._failed]
        if self._owns(job_id):
            keys.append(job_key(job_id))
        args: list[str | int] = [job_id, utcformat(now()), why, FAILURE_TTL_S]
        return bool(self._refuse(keys=keys, args=args))

    def put_back(self, job_id: bytes) -> None:
        """Puts a job that a worker has just taken back to the front of its queue."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.lrem(self.queue.intermediate_queue_key, 1, job_id)  # type: ignore[arg-type]  # bytes are fine
            pipe.lpush(self.queue.key, job_id)
            pipe.execute()

    def start_due(self, job_id: str) -> bool:
        """Puts a job whose pause is over on its queue; False when it is there already."""
        if not self._owns(job_id):
            self.redis.zrem(self._scheduled, job_id)
            return False
        keys = [self._scheduled, self.queue.key, job_key(job_id)]
        return bool(self._start_due(keys=keys, args=[job_id, utcformat(now())]))

    def job_fields(self, job_id: str) -> Mapping[str, str]:
        """Fields of a job's record that are text, as RQ wrote them; absent ones are ""."""
        names = ("retry_intervals", "worker_name", "started_at", "given_back")
        values = cast(list[bytes | None], self.redis.hmget(job_key(job_id), names))
        return {name: id_text(value or b"") for name, value in zip(names, values, strict=True)}

    def is_registered(self, worker: str) -> bool:
        """Whether RQ's list of workers has this one."""
        return bool(self.redis.hexists(worker_key(worker), "birth"))

    def queue_length(self) -> int:
        return self.redis.llen(self.queue.key)

    def _owns(self, job_id: str) -> bool:
        return is_of_queue(job_id, self._queue_name)

    def _execution_key(self, lease: Lease) -> str:
        return Execution(lease.execution_id, lease.job_id, self.redis).key

    def _executions_key(self, lease: Lease) -> str:
        return ExecutionRegistry(lease.job_id, self.redis).key


def worker_key(worker: str) -> str:
    """RQ's key of a worker."""
    return SimpleWorker.redis_worker_namespace_prefix + worker
