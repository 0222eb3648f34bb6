"""What survives when parts of a stage die: its workers, its supervisor, its Redis."""

from __future__ import annotations

import json
import os
import signal
import time

from tests.integration.stage.conftest import LEASE_S, Rig, id_of, wait_for

# What the design promises for any job whose worker died.
PROMISE_S = 10.0


def test_a_job_is_done_once_and_leaves_nothing_behind(rig: Rig) -> None:
    stage = rig.ready_stage()

    rig.enqueue("a1")

    wait_for(lambda: rig.has_result("a1") and rig.is_idle(), 20)
    assert len(rig.runs_of("a1")) == 1
    assert not rig.redis.keys("rq:job:*")
    assert not rig.redis.keys("rq:execution*")
    assert (
        'facepipe_stage_jobs_total{outcome="done",stage="landmark"} 1.0'
        in stage.get("/metrics").text
    )


def test_the_job_of_a_killed_worker_is_done_again_at_once(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.enqueue("b1", "slow=30,quick")
    wait_for(lambda: rig.runs_of("b1"), 20)

    os.kill(rig.runs_of("b1")[0], signal.SIGKILL)

    wait_for(lambda: rig.has_result("b1") and rig.is_idle(), PROMISE_S)
    assert len(rig.runs_of("b1")) == 2
    assert rig.failures_of("b1") == []
    stage.wait_until_ready()


def test_a_long_job_keeps_its_lease_even_when_redis_is_away_for_longer(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.enqueue("c1", f"slow={2 * LEASE_S + 1}")
    wait_for(lambda: rig.runs_of("c1"), 20)

    rig.queues.kill()
    time.sleep(LEASE_S + 0.5)
    rig.queues.start()

    wait_for(lambda: rig.has_result("c1") and rig.is_idle(), 8)
    assert len(rig.runs_of("c1")) == 1
    stage.wait_until_ready()


def test_a_job_that_raises_is_tried_again_after_its_pause(rig: Rig) -> None:
    rig.ready_stage()

    rig.enqueue("d1", "raise,quick")
    rig.enqueue("d2", "raise", retries=1)
    rig.enqueue("d3", "refuse")

    wait_for(lambda: rig.has_result("d1") and rig.is_idle(), 8)
    assert len(rig.runs_of("d1")) == 2
    assert rig.failures_of("d1") == []
    assert rig.failures_of("d2") == ["2:internal_error"]
    assert rig.failures_of("d3") == ["1:undecodable_image"]


def test_redis_killed_and_started_again_loses_nothing(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.enqueue("e1", "slow=1.5,quick")
    rig.enqueue("e2")
    wait_for(lambda: rig.runs_of("e1"), 20)
    workers = stage.worker_pids()

    rig.queues.kill()
    wait_for(lambda: "redis" in stage.get("/readyz").json().get("checks", {}), 20)
    wait_for(lambda: rig.has_result("e1"), 20)
    rig.queues.start()

    wait_for(lambda: rig.has_result("e2") and rig.is_idle(), PROMISE_S)
    stage.wait_until_ready()
    assert stage.worker_pids() == workers, "no worker had to load its models again"


def test_workers_register_again_when_redis_comes_back_empty(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.enqueue("f1", "slow=2.5")
    wait_for(lambda: rig.runs_of("f1"), 20)

    rig.redis.flushall()

    wait_for(lambda: not stage.is_ready(), 3)
    stage.wait_until_ready()
    rig.enqueue("f2")
    wait_for(lambda: rig.has_result("f2") and rig.is_idle(), 20)
    assert not rig.redis.keys("rq:job:*")


def test_a_job_that_kills_its_worker_fails_and_the_next_one_runs(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.ledger.set("ledger_down", 1)
    rig.enqueue("aa", "die", retries=1)
    rig.enqueue("ab")

    wait_for(lambda: rig.has_result("ab"), PROMISE_S)
    wait_for(lambda: len(rig.runs_of("aa")) == 2, PROMISE_S)
    stage.wait_until_ready()
    assert not rig.is_idle(), "the job stays known until its failure is"
    rig.ledger.delete("ledger_down")

    wait_for(rig.is_idle, PROMISE_S)
    assert rig.failures_of("aa") == ["2:worker_died"]


def test_a_hanging_job_is_killed_at_its_timeout(rig: Rig) -> None:
    rig.ready_stage()

    rig.enqueue("ac", "hang", retries=1, timeout_s=1)

    wait_for(lambda: rig.failures_of("ac"), 15)
    assert rig.failures_of("ac") == ["2:timeout"]
    wait_for(rig.is_idle, 20)


def test_a_job_that_was_on_its_way_to_a_dead_worker_comes_back(rig: Rig) -> None:
    stage = rig.ready_stage()
    for pid in stage.worker_pids():
        os.kill(pid, signal.SIGSTOP)
    rig.enqueue("ad")
    # Whether it is the stopped worker's pending call or we, the job is taken from its queue.
    rig.redis.lmove("rq:queue:landmark", "rq:queue:landmark:intermediate")

    for pid in stage.worker_pids():
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: rig.has_result("ad") and rig.is_idle(), PROMISE_S)


def test_another_host_takes_over_when_a_whole_stage_is_killed(rig: Rig) -> None:
    rig.ready_stage()
    rig.start_stage().wait_until_ready()
    rig.enqueue("ae", "slow=30,quick")
    wait_for(lambda: rig.runs_of("ae"), 20)
    worker = rig.runs_of("ae")[0]
    [victim] = [stage for stage in rig.living_stages() if worker in stage.worker_pids()]

    victim.kill()

    wait_for(lambda: rig.has_result("ae") and rig.is_idle(), PROMISE_S)
    assert len(rig.runs_of("ae")) == 2
    assert not is_running(worker), "no orphan goes on working"


def test_sigterm_lets_the_job_in_hand_finish(rig: Rig) -> None:
    stage = rig.ready_stage()
    rig.enqueue("af", "slow=1.5")
    rig.enqueue("ag")
    wait_for(lambda: rig.runs_of("af"), 20)

    code = stage.stop()

    assert code == 0
    assert rig.has_result("af")
    assert len(rig.runs_of("af")) == 1
    assert rig.redis.lrange("rq:queue:landmark", 0, -1) == [f"landmark-{id_of('ag')}-1".encode()]
    rig.redis.delete("rq:queue:landmark")


def test_sigterm_gives_back_a_job_that_takes_too_long(rig: Rig) -> None:
    stage = rig.start_stage(patience=json.dumps({"grace_s": 0.5}))
    stage.wait_until_ready()
    rig.enqueue("ba", "slow=30", retries=1)
    wait_for(lambda: rig.runs_of("ba"), 20)

    assert stage.stop() == 0

    assert rig.redis.lrange("rq:queue:landmark", 0, -1) == [f"landmark-{id_of('ba')}-1".encode()]
    assert rig.redis.hget(f"rq:job:landmark-{id_of('ba')}-1", "retries_left") == b"1", (
        "no attempt is lost"
    )


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
