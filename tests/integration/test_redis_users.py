"""What each user of Redis may do: what its service needs, and nothing that another one does."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from facepipe.queue import redis_acl
from facepipe.queue.job_table import JOBS, job_kind
from facepipe.queue.jobs import ImageJob, enqueue, live_job_ids, queue_of
from facepipe.queue.redis_acl import TOGETHER, WATCHER, WORKER, grants
from facepipe.queue.redis_connection import connect_redis
from facepipe.stages import STAGES, StageName
from facepipe.system.settings import RedisSettings
from tests.support.redis_server import RedisServer, redis_servers, running_redis

ID = "ab" * 32
SERVICES = sorted(set(grants()) - {WATCHER, WORKER})


@pytest.fixture(scope="module", params=redis_servers(), ids=lambda path: Path(path).parts[1])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """Each Redis that a stack may have here: the system's, and the embedded one."""
    folder = tmp_path_factory.mktemp("redis")
    with running_redis(folder, may_refuse=True, binary=request.param) as server:
        yield server


def as_user(server: RedisServer, user: str) -> Redis:
    return connect_redis(RedisSettings(url=server.url_of(user)))


@pytest.mark.parametrize("user", sorted(grants()))
@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "CONFIG GET *",
        "CONFIG SET dir /tmp",
        "ACL LIST",
        "KEYS *",
        "MONITOR",
        "SHUTDOWN",
        "CLIENT KILL TYPE normal",
        "REPLICAOF 127.0.0.1 1",
        "MODULE LIST",
        "SUBSCRIBE rq:pubsub:x",
        "PUBLISH rq:pubsub:x stop",
        "SET elsewhere x",
        "GET elsewhere",
    ],
)
def test_nobody_rules_over_redis(server: RedisServer, user: str, command: str) -> None:
    with as_user(server, user) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*shlex.split(command))


@pytest.mark.parametrize("user", SERVICES)
@pytest.mark.parametrize("kind", JOBS, ids=lambda kind: str(kind.queue))
def test_jobs_are_queued_and_taken_by_whom_the_table_names_and_nobody_else(
    server: RedisServer, user: str, kind: Any
) -> None:
    queue = f"rq:queue:{kind.queue}"
    record = f"rq:job:{kind.queue}-{ID}-1"
    orders = [
        ("RPUSH", queue, "x"),
        ("HSET", record, "data", "x"),
        ("BLMOVE", queue, f"{queue}:intermediate", "LEFT", "RIGHT", "0.01"),
        ("ZADD", f"rq:wip:{kind.queue}", "1", "x"),
    ]
    with server.client() as operator, as_user(server, user) as redis:
        may = [_may(redis, *order) for order in orders]
        operator.flushall()

    if user == kind.worked_by:
        assert may == [True] * 4
    elif user == kind.queued_by:
        assert may[:2] == [True, True]
    elif user == "data_storage_service":  # it looks after every queue
        assert may[1] is False
    else:
        assert may == [False] * 4


def _may(redis: Redis, *command: str) -> bool:
    try:
        redis.execute_command(*command)  # type: ignore[no-untyped-call]  # it takes anything
    except NoPermissionError:
        return False
    return True


def test_who_puts_jobs_on_queues_and_who_does_them_can(server: RedisServer) -> None:
    with as_user(server, "data_storage_service") as redis:
        for spec in STAGES:
            assert enqueue(redis, ImageJob(spec.name, ID, 1), urgent=True)
            assert enqueue(redis, ImageJob(spec.name, ID, 2), urgent=True)
        assert len(live_job_ids(redis)) == 2 * len(STAGES)
    with as_user(server, WATCHER) as redis:
        assert queue_of(StageName.LANDMARK, redis).count == 2
        with pytest.raises(NoPermissionError):
            redis.lrange("rq:queue:landmark", 0, -1)


def test_a_job_that_moves_to_another_service_takes_its_rights_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given the table with the work of one stage in another service
    moved = replace(job_kind(StageName.AGEGENDER), function="landmark_service.jobs.estimate")
    table = [moved if kind.queue == moved.queue else kind for kind in JOBS]
    monkeypatch.setattr(redis_acl, "JOBS", table)

    # Then the right to do it is there, and no longer where it was
    key = "rq:wip:agegender"
    assert key in grants()["landmark_service"].keys
    assert key not in grants()["agegender_service"].keys


def test_a_worker_host_may_do_the_jobs_of_its_stages_and_put_none_on_a_queue(
    server: RedisServer,
) -> None:
    with as_user(server, WORKER) as redis:
        for kind in JOBS:
            queue = f"rq:queue:{kind.queue}"
            take = ("BLMOVE", queue, f"{queue}:intermediate", "LEFT", "RIGHT", "0.01")
            assert _may(redis, *take) == (kind.queue in (StageName.LANDMARK, StageName.AGEGENDER))
        assert not _may(redis, "RPUSH", f"rq:queue:{StageName.STORAGE}", "x")


@pytest.mark.parametrize("user", ["default", "nobody", "input_service"])
def test_without_the_password_of_a_user_nobody_gets_in(tmp_path: Path, user: str) -> None:
    with running_redis(tmp_path, "operator") as server:
        url = server.url.replace("//", f"//{user}:wrong@")
        with pytest.raises(AuthenticationError):
            connect_redis(RedisSettings(url=url)).ping()
        with pytest.raises(AuthenticationError):
            connect_redis(RedisSettings(url=server.url)).ping()


def test_the_users_that_are_printed_work_in_a_redis_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "facepipe.queue.redis_acl"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [shlex.split(line) for line in printed.splitlines() if line]
    assert {line[2] for line in lines} == {*grants(), TOGETHER}

    with running_redis(tmp_path, may_refuse=True) as server:
        with server.client() as operator:
            for line in lines:
                operator.execute_command(*line)
        settings = RedisSettings(url=server.url, user=TOGETHER, password="PASSWORD-OF-FACEPIPE")
        with connect_redis(settings) as redis:
            assert enqueue(redis, ImageJob(StageName.LANDMARK, ID, 1))
            with pytest.raises(NoPermissionError):
                redis.flushall()


def test_the_rules_hold_no_wildcard_of_commands() -> None:
    for user, grant in grants().items():
        assert grant.rules.count("@") == 1, (user, grant.rules)
        assert not any(key in ("*", "rq:*", "rq:job:*") for key in grant.keys), json.dumps(user)
