"""What survives when parts of a stage die: its workers, its supervisor, its Redis."""

from __future__ import annotations

import json
import os
import signal
import time

from tests.integration.stage.conftest import LEASE_S, Bench, id_of, wait_for

# What the design promises for any job whose worker died.
PROMISE_S = 10.0


def test_a_job_is_done_once_and_leaves_nothing_behind(bench: Bench) -> None:
    stage = bench.ready_stage()

    bench.enqueue("a1")

    wait_for(lambda: bench.has_result("a1") and bench.is_idle(), 5)
    assert len(bench.runs_of("a1")) == 1
    assert not bench.redis.keys("rq:job:*")
    assert not bench.redis.keys("rq:execution*")
    assert 'facepipe_stage_jobs_total{outcome="done"} 1.0' in stage.get("/metrics").text


def test_the_job_of_a_killed_worker_is_done_again_at_once(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.enqueue("b1", "slow=30,quick")
    wait_for(lambda: bench.runs_of("b1"), 5)

    os.kill(bench.runs_of("b1")[0], signal.SIGKILL)

    wait_for(lambda: bench.has_result("b1") and bench.is_idle(), PROMISE_S)
    assert len(bench.runs_of("b1")) == 2
    assert bench.failures_of("b1") == []
    stage.wait_until_ready()


def test_a_long_job_keeps_its_lease_even_when_redis_is_away_for_longer(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.enqueue("c1", f"slow={2 * LEASE_S + 1}")
    wait_for(lambda: bench.runs_of("c1"), 5)

    bench.queues.kill()
    time.sleep(LEASE_S + 0.5)
    bench.queues.start()

    wait_for(lambda: bench.has_result("c1") and bench.is_idle(), 8)
    assert len(bench.runs_of("c1")) == 1
    stage.wait_until_ready()


def test_a_job_that_raises_is_tried_again_after_its_pause(bench: Bench) -> None:
    bench.ready_stage()

    bench.enqueue("d1", "raise,quick")
    bench.enqueue("d2", "raise", retries=1)
    bench.enqueue("d3", "refuse")

    wait_for(lambda: bench.has_result("d1") and bench.is_idle(), 8)
    assert len(bench.runs_of("d1")) == 2
    assert bench.failures_of("d1") == []
    assert bench.failures_of("d2") == ["2:internal_error"]
    assert bench.failures_of("d3") == ["1:undecodable_image"]


def test_redis_killed_and_started_again_loses_nothing(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.enqueue("e1", "slow=1.5,quick")
    bench.enqueue("e2")
    wait_for(lambda: bench.runs_of("e1"), 5)
    workers = stage.worker_pids()

    bench.queues.kill()
    wait_for(lambda: "redis" in stage.get("/readyz").json().get("checks", {}), 5)
    wait_for(lambda: bench.has_result("e1"), 5)
    bench.queues.start()

    wait_for(lambda: bench.has_result("e2") and bench.is_idle(), PROMISE_S)
    stage.wait_until_ready()
    assert stage.worker_pids() == workers, "no worker had to load its models again"


def test_workers_register_again_when_redis_comes_back_empty(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.enqueue("f1", "slow=2.5")
    wait_for(lambda: bench.runs_of("f1"), 5)

    bench.redis.flushall()

    wait_for(lambda: not stage.is_ready(), 3)
    stage.wait_until_ready()
    bench.enqueue("f2")
    wait_for(lambda: bench.has_result("f2") and bench.is_idle(), 5)
    assert not bench.redis.keys("rq:job:*")


def test_a_job_that_kills_its_worker_fails_and_the_next_one_runs(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.ledger.set("ledger_down", 1)
    bench.enqueue("aa", "die", retries=1)
    bench.enqueue("ab")

    wait_for(lambda: bench.has_result("ab"), PROMISE_S)
    wait_for(lambda: len(bench.runs_of("aa")) == 2, PROMISE_S)
    stage.wait_until_ready()
    assert not bench.is_idle(), "the job stays known until its failure is"
    bench.ledger.delete("ledger_down")

    wait_for(bench.is_idle, PROMISE_S)
    assert bench.failures_of("aa") == ["2:worker_died"]


def test_a_hanging_job_is_killed_at_its_timeout(bench: Bench) -> None:
    bench.ready_stage()

    bench.enqueue("ac", "hang", retries=1, timeout_s=1)

    wait_for(lambda: bench.failures_of("ac"), 15)
    assert bench.failures_of("ac") == ["2:timeout"]
    wait_for(bench.is_idle, 2)


def test_a_job_that_was_on_its_way_to_a_dead_worker_comes_back(bench: Bench) -> None:
    stage = bench.ready_stage()
    for pid in stage.worker_pids():
        os.kill(pid, signal.SIGSTOP)
    bench.enqueue("ad")
    # Whether it is the stopped worker's pending call or we, the job is taken from its queue.
    bench.redis.lmove("rq:queue:landmark", "rq:queue:landmark:intermediate")

    for pid in stage.worker_pids():
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: bench.has_result("ad") and bench.is_idle(), PROMISE_S)


def test_another_host_takes_over_when_a_whole_stage_is_killed(bench: Bench) -> None:
    bench.ready_stage()
    bench.start_stage().wait_until_ready()
    bench.enqueue("ae", "slow=30,quick")
    wait_for(lambda: bench.runs_of("ae"), 5)
    worker = bench.runs_of("ae")[0]
    [victim] = [stage for stage in bench.living_stages() if worker in stage.worker_pids()]

    victim.kill()

    wait_for(lambda: bench.has_result("ae") and bench.is_idle(), PROMISE_S)
    assert len(bench.runs_of("ae")) == 2
    assert not is_running(worker), "no orphan goes on working"


def test_sigterm_lets_the_job_in_hand_finish(bench: Bench) -> None:
    stage = bench.ready_stage()
    bench.enqueue("af", "slow=1.5")
    bench.enqueue("ag")
    wait_for(lambda: bench.runs_of("af"), 5)

    code = stage.stop()

    assert code == 0
    assert bench.has_result("af")
    assert len(bench.runs_of("af")) == 1
    assert bench.redis.lrange("rq:queue:landmark", 0, -1) == [f"landmark-{id_of('ag')}-1".encode()]
    bench.redis.delete("rq:queue:landmark")


def test_sigterm_gives_back_a_job_that_takes_too_long(bench: Bench) -> None:
    stage = bench.start_stage(patience=json.dumps({"grace_s": 0.5}))
    stage.wait_until_ready()
    bench.enqueue("ba", "slow=30", retries=1)
    wait_for(lambda: bench.runs_of("ba"), 5)

    assert stage.stop() == 0

    assert bench.redis.lrange("rq:queue:landmark", 0, -1) == [f"landmark-{id_of('ba')}-1".encode()]
    assert bench.redis.hget(f"rq:job:landmark-{id_of('ba')}-1", "retries_left") == b"1", (
        "no attempt is lost"
    )


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
