"""A pause: the job in hand is finished, no other is taken, none is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from rq.suspension import resume, suspend

from facepipe.queue.jobs import queue_of
from facepipe.stages import StageName
from tests.integration.stage.conftest import Rig, id_of, wait_for

WATCHED_S = 2.5  # longer than a worker waits for a job, and than it rests between two looks


@pytest.fixture
def paused(rig: Rig) -> Iterator[Rig]:
    yield rig
    resume(rig.redis)


def test_the_job_in_hand_is_finished_and_no_other_begun(paused: Rig) -> None:
    rig = paused
    rig.ready_stage()
    # Given a job in hand and two that wait
    rig.enqueue("a1", "slow=2")
    wait_for(lambda: len(rig.runs_of("a1")) == 1, 10)
    rig.enqueue("a2")
    rig.enqueue("a3")

    # When work is paused
    suspend(rig.redis)

    # Then that job ends well, and the others stay where they were, in their order
    wait_for(lambda: rig.has_result("a1"), 20)
    time.sleep(WATCHED_S)
    assert rig.runs_of("a2") == rig.runs_of("a3") == []
    ids = [f"landmark-{id_of(name)}-1" for name in ("a2", "a3")]
    wait_for(lambda: queue_of(StageName.LANDMARK, rig.redis).job_ids == ids, 20)

    # And when it goes on they are done, each once
    resume(rig.redis)
    wait_for(lambda: rig.has_result("a2") and rig.has_result("a3"), 20)
    assert [len(rig.runs_of(name)) for name in ("a1", "a2", "a3")] == [1, 1, 1]


def test_a_worker_that_waits_for_a_job_takes_none_that_comes_after_the_pause(paused: Rig) -> None:
    rig = paused
    # Given an idle worker, in the middle of its call for a job
    rig.ready_stage()
    wait_for(rig.is_idle, 20)
    time.sleep(0.3)
    suspend(rig.redis)

    rig.enqueue("b1")

    time.sleep(WATCHED_S)
    assert rig.runs_of("b1") == []


def test_workers_that_are_killed_and_started_again_rest_as_well(paused: Rig) -> None:
    rig = paused
    stage = rig.ready_stage()
    suspend(rig.redis)
    rig.enqueue("c1")

    # When the whole stage is killed, and started anew
    stage.kill()
    rig.start_stage().wait_until_ready()

    time.sleep(WATCHED_S)
    assert rig.runs_of("c1") == []
    resume(rig.redis)
    wait_for(lambda: rig.has_result("c1"), 20)
