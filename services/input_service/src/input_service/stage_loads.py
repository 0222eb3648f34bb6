"""How much each stage has to do, and how fast it gets done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis import Redis
from rq.job import Job
from rq.utils import utcparse

from facepipe.queue.job_table import JOBS
from facepipe.queue.jobs import queue_of
from facepipe.queue.stage_reports import StageReport

_COUNT = """
-- KEYS: queue, intermediate queue, scheduled registry, started registry   ARGV: prefix of job keys
-- Urgent jobs stand in front. The oldest of the others is the first one behind them, but for the
-- few that a worker which died has given back.
local oldest, others = '', 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, 999)) do
  local key = ARGV[1] .. id
  local created_at = redis.call('HGET', key, 'created_at')
  if created_at and (oldest == '' or created_at < oldest) then oldest = created_at end
  local known, meta = pcall(cjson.decode, redis.call('HGET', key, 'meta') or '{}')
  if not (known and meta['urgent'] == true) then
    others = others + 1
    if others >= 16 then break end
  end
end
return {
  redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
  oldest,
}
"""


@dataclass(frozen=True, slots=True)
class StageLoad:
    """What a stage has to do, on all hosts.

    Attributes:
        queued: jobs that wait for a worker.
        retrying: jobs that have failed and wait for their next attempt.
        running: jobs that a worker has in hand.
        oldest_s: age of the oldest queued job, in seconds since it was due; 0 when none waits.
        jobs_per_s: that ended, by the last minute.
        workers: worker processes.
        hosts: machines that they are on.
    """

    queued: int = 0
    retrying: int = 0
    running: int = 0
    oldest_s: float = 0.0
    jobs_per_s: float = 0.0
    workers: int = 0
    hosts: int = 0

    @property
    def unfinished(self) -> int:
        return self.queued + self.retrying + self.running

    @property
    def time_to_empty_s(self) -> float:
        """Seconds until all of it is done at this rate; infinite while nothing gets done."""
        if not self.unfinished:
            return 0.0
        return self.unfinished / self.jobs_per_s if self.jobs_per_s > 0 else float("inf")


def stage_loads(redis: Redis, reports: Sequence[StageReport]) -> dict[str, StageLoad]:
    """The load of each stage, by its queue; raises RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        for kind in JOBS:
            queue = queue_of(kind.queue, redis)
            keys = [
                queue.key,
                queue.intermediate_queue_key,
                queue.scheduled_job_registry.key,
                queue.started_job_registry.key,
            ]
            pipe.eval(_COUNT, len(keys), *keys, Job.redis_job_namespace_prefix)
        answers = cast(list[tuple[int, int, int, bytes]], pipe.execute())
    loads: dict[str, StageLoad] = {}
    for kind, (queued, retrying, running, oldest) in zip(JOBS, answers, strict=True):
        own = [report for report in reports if report.service == kind.worked_by]
        loads[kind.queue] = StageLoad(
            queued,
            retrying,
            running,
            _age_s(oldest.decode()),
            sum(report.jobs_per_s for report in own),
            sum(report.workers for report in own),
            len({report.host for report in own if report.workers}),
        )
    return loads


def _age_s(created_at: str) -> float:
    """By this host's clock, which may be a little behind that of the one that wrote it."""
    if not created_at:
        return 0.0
    return max(0.0, (datetime.now(UTC) - utcparse(created_at)).total_seconds())
