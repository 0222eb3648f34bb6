"""The wall clock of Redis and of the workers is set, while they work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest

from facepipe.queue.job_table import FUNCTIONS
from facepipe.queue.jobs import queue_of
from facepipe.stages import StageName
from tests.integration.stage.conftest import LEASE_S, Rig, wait_for
from tests.support.redis_server import running_redis
from tests.support.shifted_clock import ShiftedClock

HOUR_S = 3600.0


@pytest.fixture
def clock(tmp_path_factory: pytest.TempPathFactory) -> ShiftedClock:
    return ShiftedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory, clock: ShiftedClock) -> Iterator[Rig]:
    """Redis and stages that live by a clock of their own, which no other test has set."""
    folder = tmp_path_factory.mktemp
    with (
        pytest.MonkeyPatch.context() as patch,
        clock.for_children(),
        running_redis(folder("queues")) as queues,
        running_redis(folder("ledger")) as ledger,
    ):
        patch.setitem(FUNCTIONS, StageName.LANDMARK, "tests.support.stage_jobs.work")
        rig = Rig(queues, ledger, dict(os.environ))
        yield rig
        rig.close()


@pytest.mark.parametrize(("image_id", "jump_s"), [("a1", HOUR_S), ("a2", -HOUR_S)])
def test_a_job_in_flight_is_done_once_when_the_clock_jumps_by_an_hour(
    image_id: str, jump_s: float, rig: Rig, clock: ShiftedClock
) -> None:
    # Given a stage with a job in hand that takes longer than its lease
    stage = rig.ready_stage()
    workers = stage.worker_pids()
    rig.enqueue(image_id, f"slow={2 * LEASE_S + 1}")
    wait_for(lambda: rig.runs_of(image_id), 20)
    time.sleep(1)

    # When the clock jumps
    clock.set(jump_s)
    assert abs(rig.redis.time()[0] - time.time() - jump_s) < 60

    # Then the job is done by the worker that had it, and nobody else
    wait_for(lambda: rig.has_result(image_id) and rig.is_idle(), 4 * LEASE_S)
    assert len(rig.runs_of(image_id)) == 1
    assert rig.failures_of(image_id) == []
    assert stage.worker_pids() == workers
    metrics = stage.get("/metrics").text
    assert 'facepipe_stage_jobs_total{outcome="lost",stage="landmark"}' not in metrics
    assert not rig.redis.keys("rq:job:*")

    # And the next job is done in the new time as in the old
    rig.enqueue(f"{image_id}b")
    wait_for(lambda: rig.has_result(f"{image_id}b") and rig.is_idle(), 10)
    stage.wait_until_ready()


def test_the_job_of_a_dead_host_comes_back_though_the_clock_was_set_back(
    rig: Rig, clock: ShiftedClock
) -> None:
    # Given two stages, and a job in the hands of one
    stage = rig.ready_stage()
    rig.enqueue("b1", "slow=60,quick")
    wait_for(lambda: rig.runs_of("b1"), 20)
    other = rig.start_stage()
    other.wait_until_ready()

    # When the clock is set back, and the first one dies before it can renew the lease
    clock.set(-HOUR_S)
    stage.kill()

    # Then the other takes over, as if nothing had been
    wait_for(lambda: rig.has_result("b1") and rig.is_idle(), 10)
    assert len(rig.runs_of("b1")) == 2


def test_a_second_try_does_not_wait_for_the_hour_that_the_clock_was_set_back(
    rig: Rig, clock: ShiftedClock
) -> None:
    # Given a job that waits for its second try
    rig.ready_stage()
    rig.enqueue("c1", "raise,quick")
    scheduled = queue_of(StageName.LANDMARK, rig.redis).scheduled_job_registry.key
    wait_for(lambda: rig.redis.zcard(scheduled), 20)

    # When the clock is set back
    clock.set(-HOUR_S)

    # Then it is at most a minute until the try, not an hour
    def pause_s() -> float:
        latest = cast(list[Any], rig.redis.zrange(scheduled, -1, -1, withscores=True))
        return float(latest[0][1]) - rig.redis.time()[0] if latest else 0.0

    wait_for(lambda: pause_s() <= 61, 30)
    clock.set(-HOUR_S + pause_s())
    wait_for(lambda: rig.has_result("c1") and rig.is_idle(), 30)
    assert len(rig.runs_of("c1")) == 2


@pytest.mark.parametrize("ahead_s", [600.0, -600.0])
def test_hosts_whose_clocks_are_ten_minutes_apart_share_a_queue(
    ahead_s: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Given a host whose clock is right, with a job in hand that takes longer than its lease
    folder, name = tmp_path_factory.mktemp, "c1" if ahead_s > 0 else "c2"
    apart = ShiftedClock(folder("apart"))
    apart.set(ahead_s)
    with (
        pytest.MonkeyPatch.context() as patch,
        running_redis(folder("queues")) as queues,
        running_redis(folder("ledger")) as ledger,
        closing(Rig(queues, ledger, dict(os.environ))) as rig,
    ):
        patch.setitem(FUNCTIONS, StageName.LANDMARK, "tests.support.stage_jobs.work")
        right = rig.ready_stage()
        rig.enqueue(name, "slow=300,quick", timeout_s=400)
        wait_for(lambda: rig.runs_of(name), 20)

        # When a host comes beside it that believes in another time, and the first one dies
        other = rig.start_stage(**apart.environment)
        other.wait_until_ready()
        time.sleep(LEASE_S + 1)
        assert len(rig.runs_of(name)) == 1
        right.kill()

        # Then the other one did not take the job before, and does it now
        wait_for(lambda: rig.has_result(name), 10)
        assert len(rig.runs_of(name)) == 2
