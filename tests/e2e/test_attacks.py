"""Attacks on the running stack by somebody who has got hold of the operator's password of Redis."""

from __future__ import annotations

from pathlib import Path

from facepipe.queue.job_table import JOBS
from facepipe.queue.jobs import queue_of
from facepipe.queue.redis_connection import connect_redis
from tests.support.waiting import wait_until
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import without_face


def test_no_stage_runs_os_system(stack: LocalStack, tmp_path: Path) -> None:
    # Given the workers of all stages
    workers = {kind.worked_by: stack.workers(kind.worked_by) for kind in JOBS}
    proofs = {kind.queue: tmp_path / str(kind.queue) for kind in JOBS}

    # When a command is put on each queue
    with connect_redis(stack.redis) as redis:
        for kind in JOBS:
            name = f"{kind.queue}-intruder"
            queue_of(kind.queue, redis).enqueue(
                "os.system", f"touch {proofs[kind.queue]}", job_id=name
            )
        failed = [(f"rq:failed:{kind.queue}", f"{kind.queue}-intruder") for kind in JOBS]
        wait_until(lambda: all(redis.zscore(*entry) is not None for entry in failed))
        reasons = [redis.hget(f"rq:job:{name}", "exc_info") for _, name in failed]

    # Then each has failed without having run, and the workers are those of before
    assert not any(proof.exists() for proof in proofs.values())
    assert [str(reason)[2:13] for reason in reasons] == ["unknown_job"] * len(JOBS)
    assert {kind.worked_by: stack.workers(kind.worked_by) for kind in JOBS} == workers
    image_id = stack.api.upload(without_face(510)).image_id
    assert stack.api.wait(image_id).status == "stored"
