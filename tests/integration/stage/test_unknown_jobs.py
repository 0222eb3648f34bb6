"""Somebody who can write to Redis queues jobs of their own: none runs, and the stage goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Repeat, Retry
from rq.job import Job
from rq.serializers import JSONSerializer

from facepipe.domain.errors import UnknownJobError
from facepipe.queue.job_table import JOBS, PLOTS_QUEUE, JobKind, job_kind
from facepipe.queue.jobs import FAILURE_TTL_S, ImageJob, enqueue, enqueue_plots, queue_of
from facepipe.stage.admission import MAX_RECORD_BYTES, check, fetch_admitted
from facepipe.stages import StageName
from tests.integration.stage.conftest import Rig, id_of, wait_for
from tests.support.redis_server import RedisServer, running_redis

FUNCTION = "tests.support.stage_jobs.work"
SCHEDULED = "rq:scheduled:landmark"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server, server.client() as client:
        yield client


@pytest.mark.parametrize("kind", JOBS, ids=lambda kind: str(kind.queue))
def test_what_the_pipeline_queues_is_taken_and_os_system_is_not(
    kind: JobKind, redis: Redis
) -> None:
    # Given the job that the pipeline puts on a queue, and one that an intruder does
    redis.flushall()
    if kind.queue == PLOTS_QUEUE:
        enqueue_plots(redis)
    else:
        enqueue(redis, ImageJob(kind.queue, id_of("a"), 2, "00-trace-span-01"), urgent=True)
    queue = queue_of(kind.queue, redis)
    (job_id,) = queue.job_ids
    queue.enqueue("os.system", "true", job_id=f"{kind.queue}-intruder")

    # Then the worker of the queue takes the first and refuses the second
    job = fetch_admitted(redis, job_id.encode(), kind)
    assert job is not None
    assert job.func_name == kind.function
    with pytest.raises(UnknownJobError, match="another function"):
        fetch_admitted(redis, f"{kind.queue}-intruder".encode(), kind)


def _landmark(redis: Redis, **changes: Any) -> Job:
    """The job of `enqueue`, with what an intruder has changed."""
    wanted: dict[str, Any] = {
        "args": [id_of("a"), 1],
        "id": f"landmark-{id_of('a')}-1",
        "origin": "landmark",
        "timeout": 60,
        "meta": {"traceparent": ""},
    } | changes
    return Job.create(
        wanted.pop("func", job_kind(StageName.LANDMARK).function),
        connection=redis,
        serializer=JSONSerializer,
        **wanted,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"args": [id_of("a")]},
        {"args": [id_of("a"), 1, 1]},
        {"args": [id_of("a"), "1"]},
        {"args": [id_of("a"), True]},
        {"args": [id_of("a"), 0]},
        {"args": [id_of("b"), 1]},
        {"args": ["../../etc/passwd", 1], "id": "landmark-x-1"},
        {"args": [[id_of("a")], 1]},
        {"args": [], "kwargs": {"image_id": id_of("a"), "generation": 1}},
        {"kwargs": {"more": 1}},
        {"func": "landmark_service.jobs.load", "args": []},
        {"func": "subprocess.call"},
        {"func": "agegender_service.jobs.estimate"},
        {"origin": "storage"},
        {"id": "another"},
        {"on_success": Callback("os.abort")},
        {"on_failure": Callback("os.abort")},
        {"on_stopped": Callback("os.abort")},
        {"depends_on": ["another"]},
        {"group_id": "g"},
        {"timeout": -1},
        {"timeout": None},
        {"timeout": 10**9},
        {"meta": {"reported_failure": "x"}},
        {"meta": {"traceparent": 1}},
        {"meta": {"traceparent": "x" * 1000}},
    ],
    ids=lambda changes: json.dumps(changes, default=str)[:60],
)
def test_a_job_that_differs_in_anything_is_refused(changes: dict[str, Any], redis: Redis) -> None:
    kind = job_kind(StageName.LANDMARK)
    check(_landmark(redis), kind)

    with pytest.raises(UnknownJobError):
        check(_landmark(redis, **changes), kind)


def test_orders_for_rq_and_endless_tries_are_refused(redis: Redis) -> None:
    kind = job_kind(StageName.LANDMARK)
    queue = queue_of(StageName.LANDMARK, redis)
    known: dict[str, Any] = {"args": (id_of("a"), 1), "job_id": f"landmark-{id_of('a')}-1"}

    repeated = queue.enqueue_call(kind.function, **known, repeat=Repeat(times=3))
    with pytest.raises(UnknownJobError, match="orders for RQ"):
        check(repeated, kind)
    patient = queue.enqueue_call(kind.function, **known, retry=Retry(max=10**9, interval=1))
    with pytest.raises(UnknownJobError, match="retries"):
        check(patient, kind)


def _os_system(redis: Redis, proof: Path) -> str:
    queue = queue_of(StageName.LANDMARK, redis)
    order = f"touch {proof}"
    return queue.enqueue("os.system", order, job_id="landmark-a-1", retry=Retry(max=1000)).id


def _stranger(redis: Redis, proof: Path) -> str:
    return queue_of(StageName.LANDMARK, redis).enqueue("os.system", f"touch {proof}").id


def _callback(redis: Redis, proof: Path) -> str:
    queue, job_id = queue_of(StageName.LANDMARK, redis), f"landmark-{id_of('ca')}-1"
    queue.enqueue(
        FUNCTION, id_of("ca"), 1, job_id=job_id, on_success=Callback("os.abort"), job_timeout=60
    )
    return job_id


def _record(redis: Redis, job_id: str, **fields: Any) -> str:
    mapping: dict[Any, Any] = {"origin": "landmark", "retries_left": 1000, **fields}
    redis.hset(f"rq:job:{job_id}", mapping=mapping)
    redis.rpush("rq:queue:landmark", job_id)
    return job_id


def _garbage(redis: Redis, _: Path) -> str:
    return _record(redis, "landmark-garbage", data=b"\x80\x04]", status="queued")


def _no_status(redis: Redis, _: Path) -> str:
    return _record(redis, "landmark-no-status", data=b"[1]", status="bliss", timeout="soon")


def _no_data(redis: Redis, _: Path) -> str:
    return _record(redis, "landmark-no-data", status="queued")


def _deep(redis: Redis, _: Path) -> str:
    return _record(redis, "landmark-deep", data=b"[" * 30_000, meta=b"[" * 20_000, status="queued")


def _huge(redis: Redis, _: Path) -> str:
    return _record(redis, "landmark-huge", data=b"x" * (MAX_RECORD_BYTES + 1), status="queued")


def _no_hash(redis: Redis, _: Path) -> str:
    redis.set("rq:job:landmark-no-hash", "x")
    redis.rpush("rq:queue:landmark", "landmark-no-hash")
    return "landmark-no-hash"


def _no_text(redis: Redis, _: Path) -> str:
    redis.hset(b"rq:job:landmark-\xff\xfe", mapping={"data": "[]", "status": "queued"})
    redis.rpush("rq:queue:landmark", b"landmark-\xff\xfe")
    return "landmark-\udcff\udcfe"


@pytest.mark.parametrize(
    "attack",
    [
        _os_system,
        _stranger,
        _callback,
        _garbage,
        _no_status,
        _no_data,
        _deep,
        _huge,
        _no_hash,
        _no_text,
    ],
)
def test_a_job_that_is_none_fails_without_running_and_the_worker_lives(
    attack: Callable[[Redis, Path], str], rig: Rig, tmp_path: Path
) -> None:
    # Given a stage that works
    stage = rig.ready_stage()
    workers, proof = stage.worker_pids(), tmp_path / "proof"

    # When a job of somebody else's comes, and then one of the pipeline's
    job_id = attack(rig.redis, proof).encode(errors="surrogateescape")
    name = sha256(attack.__name__.encode()).hexdigest()[:12]
    rig.enqueue(name)

    # Then the second is done by the same worker
    wait_for(lambda: rig.has_result(name) and rig.is_idle(), 20)
    assert stage.worker_pids() == workers

    # And the first has not run: it failed, for good, and says why
    assert not proof.exists()
    assert not rig.has_result("ca")
    assert rig.redis.zscore("rq:failed:landmark", job_id) is not None
    if attack is _stranger:
        return  # its record is none of ours to touch
    assert rig.redis.hget(b"rq:job:" + job_id, "status") == b"failed"
    assert str(rig.redis.hget(b"rq:job:" + job_id, "exc_info")).startswith("b'unknown_job: ")
    assert 0 < rig.redis.ttl(b"rq:job:" + job_id) <= FAILURE_TTL_S
    assert (
        'facepipe_stage_jobs_total{outcome="refused",stage="landmark"}'
        in stage.get("/metrics").text
    )


def test_what_is_scheduled_or_leased_by_somebody_else_does_not_hold_up_the_sweeps(
    rig: Rig,
) -> None:
    # Given entries in RQ's registries that no record of ours stands behind
    stage = rig.ready_stage()
    rig.redis.set("rq:job:landmark-odd", "x")
    stray: dict[Any, Any] = {"status": "started", "retries_left": "1e99", "started_at": "x"}
    rig.redis.hset("rq:job:landmark-stray", mapping=stray)
    for entry in (b"\xff", b"stranger", b"landmark-\xff", b"landmark-odd"):
        rig.redis.zadd(SCHEDULED, {entry: 1})
        rig.redis.zadd("rq:wip:landmark", {entry + b":\xff": 0})
        rig.redis.rpush("rq:queue:landmark:intermediate", entry)
    rig.redis.zadd("rq:wip:landmark", {b"landmark-stray:1": 0})

    # Then they are cleared away, and a job that failed once is tried again after its pause
    rig.enqueue("5c", "raise,quick")
    wait_for(lambda: rig.has_result("5c") and rig.is_idle(), 20)
    assert rig.redis.zcard("rq:wip:landmark") == rig.redis.zcard(SCHEDULED) == 0
    assert stage.is_ready()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """RQ's own worker does run what it is told; the test above would see it."""
    from rq import SimpleWorker

    (tmp_path / "redis").mkdir()
    with running_redis(tmp_path / "redis") as server:
        assert isinstance(server, RedisServer)
        redis, proof = server.client(), tmp_path / "proof"
        _os_system(redis, proof)
        worker = SimpleWorker(
            [queue_of(StageName.LANDMARK, redis)], connection=redis, serializer=JSONSerializer
        )
        worker.work(burst=True)
    assert proof.exists()
