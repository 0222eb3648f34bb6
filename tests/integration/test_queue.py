"""What `facepipe.queue.jobs.enqueue` leaves in Redis, beside what RQ itself leaves there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Retry

from facepipe.queue.job_table import FUNCTIONS
from facepipe.queue.jobs import FAILURE_TTL_S, ImageJob, enqueue, job_key, queue_of
from facepipe.stages import StageName
from tests.support.redis_server import running_redis

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JOB = ImageJob(StageName.LANDMARK, "ab" * 32, 1, TRACEPARENT)
MOMENTS = {b"created_at", b"enqueued_at"}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running_redis(tmp_path) as server:
        yield server.client()


def test_a_job_is_kept_as_rq_keeps_it(redis: Redis) -> None:
    # given a job that RQ has put on its queue
    queue_of(JOB.queue, redis).enqueue_call(
        FUNCTIONS[JOB.queue],
        args=(JOB.image_id, JOB.generation),
        job_id=JOB.job_id,
        unique=True,
        timeout=60,
        result_ttl=0,
        failure_ttl=FAILURE_TTL_S,
        retry=Retry(max=2, interval=[1, 5]),
        meta={"traceparent": TRACEPARENT, "urgent": True},
        description=f"landmark {JOB.image_id[:12]} generation 1",
        at_front=True,
    )
    kept = {name: value for name, value in redis.hgetall(job_key(JOB.job_id)).items() if value}
    keys = set(redis.keys())
    redis.flushall()

    # when we do the same
    assert enqueue(redis, JOB, timeout_s=60, urgent=True, retry_pauses_s=(1, 5))

    # then its record and its keys are the same, but for the time
    ours = redis.hgetall(job_key(JOB.job_id))
    assert ours.keys() == kept.keys()
    assert {name for name in kept if ours[name] != kept[name]} <= MOMENTS
    assert set(redis.keys()) == keys


def test_a_job_that_is_known_is_put_nowhere(redis: Redis) -> None:
    assert enqueue(redis, JOB)
    assert not enqueue(redis, JOB, urgent=True)

    assert queue_of(JOB.queue, redis).job_ids == [JOB.job_id]


def test_urgent_jobs_go_ahead_of_others_in_their_own_order(redis: Redis) -> None:
    order = [("a", False), ("b", True), ("c", False), ("d", True), ("e", True)]

    for name, urgent in order:
        enqueue(redis, ImageJob(StageName.LANDMARK, name * 64, 1), urgent=urgent)

    waiting = queue_of(StageName.LANDMARK, redis).job_ids
    assert [job_id.split("-")[1][0] for job_id in waiting] == ["b", "d", "e", "a", "c"]
