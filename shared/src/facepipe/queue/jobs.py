"""The one way to put a job on a queue, and what is known of those that are there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Self, cast
from uuid import uuid4

from redis import Redis
from rq import Queue, Retry
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from facepipe.queue.job_table import FUNCTIONS, PLOTS_QUEUE, job_kind

RETRY_PAUSES_S = (1, 5, 15)
FAILURE_TTL_S = 3600
# Long enough for two enqueuers to tell who is first, short enough to outlive neither.
_PLOTS_LOCK_MS = 5000
_PLOTS_LOCK_KEY = "facepipe:enqueuing-plots"
_QUEUES_KEY = Queue.redis_queues_keys

_ENQUEUE = """
-- RQ's own steps to a new job in one. Urgent jobs stand at the front of the queue, each behind
-- those before it.
-- KEYS: job, queue, list of queues
-- ARGV: job id, prefix of job keys, 'urgent' or '', fields of the job's record and their values
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('SADD', KEYS[3], KEYS[2])
if ARGV[3] == '' then
  redis.call('RPUSH', KEYS[2], ARGV[1])
  return 1
end
local last, others = nil, 0
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, 999)) do
  local known, meta = pcall(cjson.decode, redis.call('HGET', ARGV[2] .. id, 'meta') or '{}')
  if known and meta['urgent'] == true then
    last, others = id, 0
  else
    -- A few may stand among them: what a worker that died has given back.
    others = others + 1
    if others >= 16 then break end
  end
end
if last then
  redis.call('LINSERT', KEYS[2], 'AFTER', last, ARGV[1])
else
  redis.call('LPUSH', KEYS[2], ARGV[1])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class ImageJob:
    """The work of one stage on one image.

    The function of the queue is called with `image_id` and `generation`; the W3C
    `traceparent` rides in the job's meta.
    """

    queue: str
    image_id: str
    generation: int
    traceparent: str = ""

    @property
    def job_id(self) -> str:
        return f"{self.queue}-{self.image_id}-{self.generation}"

    @classmethod
    def from_job_id(cls, job_id: str) -> Self | None:
        """The job behind an id; None when the id is not that of an image job.

        >>> ImageJob.from_job_id("landmark-ab12-3").generation
        3
        """
        queue, _, rest = job_id.partition("-")
        image_id, _, generation = rest.rpartition("-")
        if queue not in FUNCTIONS or not image_id or not generation.isdecimal():
            return None
        return cls(queue, image_id, int(generation))


def queue_of(name: str, redis: Redis, timeout_s: int = 120) -> Queue:
    """The RQ queue of a stage, with the project's serializer."""
    return Queue(name, connection=redis, serializer=JSONSerializer, default_timeout=timeout_s)


def enqueue(
    redis: Redis,
    job: ImageJob,
    *,
    timeout_s: int | None = None,
    urgent: bool = False,
    retry_pauses_s: Sequence[int] = RETRY_PAUSES_S,
) -> bool:
    """Puts a job on its queue; False when this very job is, or was, there already.

    Urgent jobs go ahead of all others, in their own order of arrival. A job that is tried again
    goes to the end.

    Args:
        redis: where the queues are.
        job: what to do; its id makes it unique.
        timeout_s: a job that runs longer is killed, which counts as an attempt; None: as the
            stage declares it.
        urgent: ahead of bulk work.
        retry_pauses_s: pause before each further attempt; their number is that of retries.

    Raises:
        redis.exceptions.RedisError: Redis does not answer or is full; nothing was queued.
    """
    record = _record(job, timeout_s or job_kind(job.queue).timeout_s, urgent, retry_pauses_s)
    keys = [job_key(job.job_id), f"{Queue.redis_queue_namespace_prefix}{job.queue}", _QUEUES_KEY]
    args = [job.job_id, Job.redis_job_namespace_prefix, "urgent" if urgent else ""]
    script = redis.register_script(_ENQUEUE)
    return bool(script(keys=keys, args=[*args, *chain.from_iterable(record.items())]))


def _record(
    job: ImageJob, timeout_s: int, urgent: bool, retry_pauses_s: Sequence[int]
) -> dict[str, str | int | bytes]:
    """A job as RQ keeps it."""
    moment = utcformat(now())
    call: list[object] = [FUNCTIONS[job.queue], None, [job.image_id, job.generation], {}]
    meta = {"traceparent": job.traceparent} | ({"urgent": True} if urgent else {})
    return {
        "status": JobStatus.QUEUED.value,
        "origin": job.queue,
        "created_at": moment,
        "enqueued_at": moment,
        "data": zlib.compress(json.dumps(call).encode()),
        "meta": json.dumps(meta),
        "description": f"{job.queue} {job.image_id[:12]} generation {job.generation}",
        "timeout": timeout_s,
        "result_ttl": 0,
        "failure_ttl": FAILURE_TTL_S,
        "retries_left": len(retry_pauses_s),
        "retry_intervals": json.dumps(list(retry_pauses_s)),
    }


def enqueue_plots(redis: Redis, delay_s: float = 0.0, *, timeout_s: int = 120) -> bool:
    """Asks for new plots, `delay_s` from now; False when they are asked for already.

    At most one such job waits at any time. A job that runs already does not count, because it
    may have read the results before the newest came.

    Raises:
        redis.exceptions.RedisError: Redis does not answer or is full; nothing was queued.
    """
    if not redis.set(_PLOTS_LOCK_KEY, 1, nx=True, px=_PLOTS_LOCK_MS):
        return False  # another enqueuer is at it, and its job will see what we have written
    try:
        queue = queue_of(PLOTS_QUEUE, redis)
        with redis.pipeline() as pipe:
            pipe.llen(queue.key)
            pipe.zcard(queue.scheduled_job_registry.key)
            if any(pipe.execute()):
                return False
        job = queue.create_job(
            FUNCTIONS[PLOTS_QUEUE],
            job_id=f"{PLOTS_QUEUE}-{uuid4().hex}",
            timeout=timeout_s,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            retry=Retry(max=len(RETRY_PAUSES_S), interval=list(RETRY_PAUSES_S)),
            description="redraw the plots",
        )
        if delay_s > 0:
            queue.schedule_job(job, datetime.now(UTC) + timedelta(seconds=delay_s))
        else:
            queue.enqueue_job(job)
    finally:
        redis.delete(_PLOTS_LOCK_KEY)
    return True


def live_job_ids(redis: Redis) -> set[str]:
    """Ids of all jobs that somebody will still work on, as they stand at one moment.

    A job is live while it waits on a queue, is on its way to a worker, waits for another try,
    or is leased to a worker (a lease that ran out included: the job is about to be given back).

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    with redis.pipeline(transaction=True) as pipe:
        for name in FUNCTIONS:
            queue = queue_of(name, redis)
            pipe.lrange(queue.key, 0, -1)
            pipe.lrange(queue.intermediate_queue_key, 0, -1)
            pipe.zrange(queue.scheduled_job_registry.key, 0, -1)
            pipe.zrange(queue.started_job_registry.key, 0, -1)
        found = cast(list[list[bytes]], pipe.execute())
    # A lease is written `<job id>:<execution id>`; a job id has no colon.
    return {id_text(entry).partition(":")[0] for entries in found for entry in entries}


def count_live_jobs(redis: Redis) -> int:
    """How many jobs `live_job_ids` would name, without reading them.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    with redis.pipeline(transaction=True) as pipe:
        for name in FUNCTIONS:
            queue = queue_of(name, redis)
            pipe.llen(queue.key)
            pipe.llen(queue.intermediate_queue_key)
            pipe.zcard(queue.scheduled_job_registry.key)
            pipe.zcard(queue.started_job_registry.key)
        return sum(cast(list[int], pipe.execute()))


def job_key(job_id: str) -> str:
    """RQ's key of a job's record."""
    return Job.redis_job_namespace_prefix + job_id


def is_of_queue(job_id: str, queue: str) -> bool:
    """Whether a job id is one that we give to jobs of the queue; Redis lets us touch no other."""
    return job_id.startswith(f"{queue}-")


def id_text(raw: bytes) -> str:
    """An id as it stands in Redis; bytes that are no text come back as themselves."""
    return raw.decode(errors="surrogateescape")
