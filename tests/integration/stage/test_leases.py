"""The steps on leases, each against a real Redis: what is taken, is taken once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.job import Job

from facepipe.queue import jobs
from facepipe.queue.jobs import ImageJob
from facepipe.stage.leases import Lease, Leases, Outcome, Reason
from facepipe.stages import StageName
from tests.support.redis_server import running_redis

JOB_ID = "landmark-ab-1"
LEASE = Lease(JOB_ID, "first")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with running_redis(folder) as running, running.client() as client:
        yield client


@pytest.fixture
def redis(server: Redis) -> Redis:
    server.flushall()
    return server


@pytest.fixture
def leases(redis: Redis) -> Leases:
    return Leases(redis, StageName.LANDMARK, lease_s=8)


def start_job(redis: Redis, *, retries: int = 3) -> None:
    """Leaves Redis as a worker does that has begun a job."""
    job = ImageJob(StageName.LANDMARK, "ab", 1)
    assert jobs.enqueue(redis, job, retry_pauses_s=[1] * retries)
    redis.lpop("rq:queue:landmark")
    redis.hset(Job.key_for(JOB_ID), mapping={"status": "started", "worker_name": "w"})
    redis.zadd("rq:wip:landmark", {LEASE.entry: 2e9 * 2})


def field(redis: Redis, name: str) -> Any:
    return redis.hget(Job.key_for(JOB_ID), name)


def waiting(redis: Redis) -> Any:
    return redis.lrange("rq:queue:landmark", 0, -1)


def test_a_lease_that_lasts_is_left_alone(redis: Redis, leases: Leases) -> None:
    start_job(redis)

    assert not leases.backlog().expired
    assert not leases.backlog().given_back
    assert leases.reclaim(LEASE) is Outcome.KEPT
    assert jobs.live_job_ids(redis) == {JOB_ID}
    assert jobs.count_live_jobs(redis) == 1


def test_a_dead_lease_is_reclaimed_once_and_costs_an_attempt(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    leases.give_back(LEASE, Reason.WORKER_DIED)

    outcomes = [leases.reclaim(lease) for lease in [*leases.backlog().given_back, LEASE, LEASE]]

    assert outcomes == [Outcome.REQUEUED, Outcome.KEPT, Outcome.KEPT]
    assert waiting(redis) == [JOB_ID.encode()]
    assert field(redis, "retries_left") == b"2"
    assert field(redis, "status") == b"queued"


def test_a_renewed_lease_cannot_be_reclaimed(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    redis.zadd("rq:wip:landmark", {LEASE.entry: 1})
    assert leases.backlog().expired == [LEASE]

    assert leases.renew(LEASE, "w")

    assert leases.reclaim(LEASE) is Outcome.KEPT


def test_a_lease_that_was_lost_cannot_be_renewed(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    leases.give_back(LEASE, Reason.WORKER_DIED)
    leases.reclaim(LEASE)

    assert not leases.renew(LEASE, "w")
    assert not leases.is_held(LEASE)


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.UNSAVED])
def test_an_orderly_end_costs_no_attempt(redis: Redis, leases: Leases, reason: Reason) -> None:
    start_job(redis, retries=1)
    redis.hset(Job.key_for(JOB_ID), "retries_left", 0)
    leases.give_back(LEASE, reason)

    assert leases.reclaim(LEASE) is Outcome.REQUEUED
    assert field(redis, "retries_left") == b"0"


def test_a_job_without_attempts_is_left_until_its_failure_is_told(
    redis: Redis, leases: Leases
) -> None:
    start_job(redis)
    redis.hset(Job.key_for(JOB_ID), "retries_left", 0)
    leases.give_back(LEASE, Reason.OUT_OF_MEMORY)

    assert leases.reclaim(LEASE) is Outcome.EXHAUSTED
    assert jobs.live_job_ids(redis) == {JOB_ID}
    assert leases.job_fields(JOB_ID)["given_back"] == "out_of_memory"

    assert leases.reclaim(LEASE, final=True) is Outcome.FAILED
    assert jobs.live_job_ids(redis) == set()
    assert 0 < redis.ttl(Job.key_for(JOB_ID)) <= jobs.FAILURE_TTL_S


def test_an_attempt_that_ends_without_a_word_has_the_last_known_reason(
    redis: Redis, leases: Leases
) -> None:
    # Given a job that ran out of memory at its first attempt
    start_job(redis, retries=1)
    leases.give_back(LEASE, Reason.OUT_OF_MEMORY)
    assert leases.reclaim(LEASE) is Outcome.REQUEUED

    # When the kernel then kills the supervisor beside the worker: the lease ends, nobody says why
    redis.lpop("rq:queue:landmark")
    redis.hset(Job.key_for(JOB_ID), "status", "started")
    redis.zadd("rq:wip:landmark", {LEASE.entry: 1})
    assert leases.backlog().expired == [LEASE]

    # Then it has failed for want of memory
    assert leases.reclaim(LEASE) is Outcome.EXHAUSTED
    assert leases.job_fields(JOB_ID)["given_back"] == "out_of_memory"


def test_an_orderly_end_is_no_reason_for_what_comes_after_it(redis: Redis, leases: Leases) -> None:
    start_job(redis, retries=1)
    leases.give_back(LEASE, Reason.SHUTDOWN)

    assert leases.reclaim(LEASE) is Outcome.REQUEUED
    assert leases.job_fields(JOB_ID)["given_back"] == ""


def test_a_job_abandoned_twice_lets_others_go_first(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    redis.rpush("rq:queue:landmark", "other")

    for place in (0, 1):
        leases.give_back(LEASE, Reason.WORKER_DIED)
        assert leases.reclaim(LEASE) is Outcome.REQUEUED
        assert waiting(redis).index(JOB_ID.encode()) == place
        redis.lrem("rq:queue:landmark", 0, JOB_ID)
        redis.hset(Job.key_for(JOB_ID), "status", "started")
        redis.zadd("rq:wip:landmark", {LEASE.entry: 1})


def test_the_traces_of_a_job_that_ended_are_dropped(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    redis.delete(Job.key_for(JOB_ID))
    leases.give_back(LEASE, Reason.WORKER_DIED)

    assert leases.reclaim(LEASE) is Outcome.DROPPED
    assert redis.keys("rq:*") == [b"rq:queues"]


def test_a_worker_that_died_between_two_steps_of_a_retry_loses_no_job(
    redis: Redis, leases: Leases
) -> None:
    """RQ marks a job as scheduled before it schedules it."""
    start_job(redis)
    redis.hset(Job.key_for(JOB_ID), "status", "scheduled")
    leases.give_back(LEASE, Reason.WORKER_DIED)

    assert leases.reclaim(LEASE) is Outcome.REQUEUED


def test_a_stray_job_is_put_back(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    redis.zrem("rq:wip:landmark", LEASE.entry)
    redis.hset(Job.key_for(JOB_ID), "status", "queued")
    redis.rpush("rq:queue:landmark:intermediate", JOB_ID)
    assert jobs.live_job_ids(redis) == {JOB_ID}
    assert leases.backlog().strays == {JOB_ID}

    assert leases.reclaim(Lease(JOB_ID, "")) is Outcome.REQUEUED
    assert leases.reclaim(Lease(JOB_ID, "")) is Outcome.KEPT
    assert waiting(redis) == [JOB_ID.encode()]


def test_a_due_retry_is_started_once(redis: Redis, leases: Leases) -> None:
    start_job(redis)
    redis.zrem("rq:wip:landmark", LEASE.entry)
    redis.zadd("rq:scheduled:landmark", {JOB_ID: 1, "landmark-cd-1": 4e9})
    assert jobs.live_job_ids(redis) == {JOB_ID, "landmark-cd-1"}
    assert leases.backlog().due == [JOB_ID]

    assert [leases.start_due(JOB_ID) for _ in range(2)] == [True, False]
    assert not leases.start_due("landmark-cd-1")
    assert waiting(redis) == [JOB_ID.encode()]


def test_a_job_is_queued_once_a_generation(redis: Redis) -> None:
    first, again = ImageJob(StageName.LANDMARK, "ab", 1), ImageJob(StageName.LANDMARK, "ab", 2)

    assert [jobs.enqueue(redis, job) for job in (first, first, again)] == [True, False, True]
    assert jobs.live_job_ids(redis) == {first.job_id, again.job_id}


@pytest.mark.parametrize("delay_s", [0, 5])
def test_at_most_one_plots_job_waits(redis: Redis, delay_s: int) -> None:
    assert [jobs.enqueue_plots(redis, delay_s) for _ in range(3)] == [True, False, False]
    assert len(jobs.live_job_ids(redis)) == 1


def test_a_plots_job_that_runs_does_not_keep_the_next_from_waiting(redis: Redis) -> None:
    assert jobs.enqueue_plots(redis)
    redis.lmove("rq:queue:plots", "rq:queue:plots:intermediate")

    assert jobs.enqueue_plots(redis)
