"""What a stage has to do and how fast it gets done, as the input API reads it from Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq.utils import utcformat

from facepipe.queue.jobs import ImageJob, enqueue, job_key
from facepipe.queue.redis_connection import connect_redis
from facepipe.queue.stage_reports import stage_reports
from facepipe.stages import StageName
from facepipe.system.settings import RedisSettings
from input_service.stage_loads import StageLoad, stage_loads
from tests.integration.stage.conftest import Rig, id_of, wait_for


@pytest.fixture(scope="module")
def reader(rig: Rig) -> Iterator[Redis]:
    """Redis as input_service may use it."""
    with connect_redis(RedisSettings(url=rig.queues.url_of("input_service"))) as redis:
        yield redis


def load_of(reader: Redis, stage: StageName = StageName.LANDMARK) -> StageLoad:
    return stage_loads(reader, stage_reports(reader))[stage]


def put(rig: Rig, name: str, age_s: float, *, urgent: bool = False) -> None:
    """A job of a stage that nobody works on, made so long ago."""
    job = ImageJob(StageName.AGEGENDER, id_of(name), 1)
    assert enqueue(rig.redis, job, urgent=urgent)
    made = datetime.now(UTC) - timedelta(seconds=age_s)
    rig.redis.hset(job_key(job.job_id), "created_at", utcformat(made))


def test_jobs_workers_hosts_and_rate_are_those_of_all_hosts(rig: Rig, reader: Redis) -> None:
    # Given two hosts with a worker each
    for host in ("one", "two"):
        rig.start_stage(FACEPIPE_STAGE_HOST=host)
    wait_for(lambda: load_of(reader).hosts == 2, 40)
    for stage in rig.living_stages():
        stage.wait_until_ready()

    # When there are five jobs of three seconds
    for number in range(5):
        rig.enqueue(f"e{number}", "slow=3")

    # Then two are running and three wait, until nothing is left
    wait_for(lambda: load_of(reader).running == 2, 20)
    busy = load_of(reader)
    assert (busy.queued, busy.running, busy.unfinished, busy.workers) == (3, 2, 5, 2)
    wait_for(lambda: not load_of(reader).unfinished, 20)
    wait_for(lambda: load_of(reader).jobs_per_s > 0, 20)
    assert load_of(reader).oldest_s == load_of(reader).time_to_empty_s == 0

    # And a host that is gone is forgotten
    rig.living_stages()[0].stop()
    wait_for(lambda: load_of(reader).hosts == 1, 15)


def test_a_job_that_is_tried_again_is_counted_while_it_waits(rig: Rig, reader: Redis) -> None:
    rig.ready_stage()

    rig.enqueue("f1", "raise,quick", pause_s=5)

    wait_for(lambda: load_of(reader).retrying == 1, 20)
    assert load_of(reader).unfinished == 1
    wait_for(lambda: not load_of(reader).unfinished, 20)


def test_the_oldest_job_is_found_behind_urgent_ones(rig: Rig, reader: Redis) -> None:
    for number in range(40):
        put(rig, f"a{number:02}", age_s=5, urgent=True)
    put(rig, "b1", age_s=100)
    put(rig, "b2", age_s=50)

    load = load_of(reader, StageName.AGEGENDER)

    assert (load.queued, load.workers) == (42, 0)
    assert load.oldest_s == pytest.approx(100, abs=3)
    assert load.time_to_empty_s == float("inf")
