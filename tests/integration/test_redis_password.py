"""A Redis that asks for a password: the right one, a wrong one, none, and another one later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from redis.exceptions import AuthenticationError

from facepipe.make_secrets import Vault
from facepipe.queue.job_table import PLOTS_QUEUE
from facepipe.queue.jobs import ImageJob, enqueue, live_job_ids
from facepipe.queue.redis_connection import connect_redis, redis_problem
from facepipe.system.settings import AddressSettings, RedisSettings, VolumeSettings
from facepipe.system.tls import TlsSettings
from input_service.app import create_input_app
from input_service.settings import InputSettings
from tests.support.redis_server import RedisServer, free_port, running_redis
from tools.stack.redis_server import find_redis_server, render_config

ROOT = Path(__file__).parents[2]
RIGHT, WRONG = "right: \"' #5", "wrong-as-can-be"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis"), RIGHT) as server:
        yield server


def test_with_the_right_password_a_job_is_queued_and_found(server: RedisServer) -> None:
    redis = connect_redis(RedisSettings(url=server.url, password=RIGHT))

    assert redis_problem(redis) is None
    assert enqueue(redis, ImageJob(PLOTS_QUEUE, "ab", 1))
    assert live_job_ids(redis) == {"plots-ab-1"}


@pytest.mark.parametrize("password", [WRONG, ""])
def test_a_password_that_is_wrong_or_missing_is_told_by_a_word_of_its_own(
    server: RedisServer, password: str
) -> None:
    redis = connect_redis(RedisSettings(url=server.url, password=password))

    with pytest.raises(AuthenticationError):
        enqueue(redis, ImageJob(PLOTS_QUEUE, "cd", 1))
    problem = redis_problem(redis)
    assert problem is not None
    assert problem.startswith("redis_auth_failed: ")
    assert WRONG not in problem


def test_a_password_for_a_redis_without_one_is_told_the_same_way(tmp_path: Path) -> None:
    with running_redis(tmp_path) as open_server:
        settings = RedisSettings(url=open_server.url.replace("//", f"//anna:{WRONG}@"))

        problem = redis_problem(connect_redis(settings))

    assert problem is not None
    assert problem.startswith("redis_auth_failed: ")
    assert WRONG not in problem


def test_the_input_api_is_not_ready_and_does_not_say_the_password(
    server: RedisServer, tmp_path: Path
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    settings = InputSettings(
        redis=RedisSettings(url=server.url.replace("//", f"//:{WRONG}@")),
        address=AddressSettings(store_grpc=nobody, otlp=nobody),
        volumes=VolumeSettings(root=tmp_path),
    )
    (tmp_path / "inbox").mkdir()

    with TestClient(create_input_app(settings), "http://127.0.0.1") as client:
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"].startswith("redis_auth_failed: ")
    assert WRONG not in answer.text


def test_the_redis_of_make_start_lets_in_who_has_its_password_alone(tmp_path: Path) -> None:
    # Given Redis with the configuration that `make start` writes
    port, config = free_port(), tmp_path / "redis.conf"
    vault = Vault(tmp_path / "secrets")
    vault.share_redis(RIGHT)
    config.write_text(
        render_config(port, tmp_path, vault.users_of_redis, "127.0.0.1", TlsSettings())
    )
    process = subprocess.Popen([find_redis_server(), str(config)], stdout=subprocess.DEVNULL)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        redis = connect_redis(RedisSettings(url=url, password=RIGHT))
        deadline = time.monotonic() + 20
        while redis_problem(redis) and time.monotonic() < deadline:
            time.sleep(0.05)

        # Then the password opens it, a wrong one and none do not
        assert redis_problem(redis) is None
        assert redis.set("key", "value")
        for other in (WRONG, ""):
            problem = redis_problem(connect_redis(RedisSettings(url=url, password=other)))
            assert problem is not None
            assert problem.startswith("redis_auth_failed: ")
    finally:
        process.terminate()
        process.wait(timeout=20)


class Stage:
    """A stage process whose words are kept in a file."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.password_file, self.log = folder / "password", folder / "log"
        self._port = free_port()
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
        quoted = "".join(f"%{byte:02x}" for byte in RIGHT.encode())
        self._environment = clean | {
            "FACEPIPE_REDIS_URL": server.url,
            "FACEPIPE_REDIS_PASSWORD_FILE": str(self.password_file),
            "FACEPIPE_ACCESS_TOKEN": os.environ["FACEPIPE_ACCESS_TOKEN"],
            "FACEPIPE_PORT_LANDMARK": str(self._port),
            "FACEPIPE_TELEMETRY_ENABLED": "false",
            "STAGE_TEST_LEDGER": server.url.replace("//", f"//:{quoted}@"),
            "STAGE_TEST_PATIENCE": json.dumps({"sweep_s": 0.2, "restart_pause_s": 0.2}),
        }

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.stage_process"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command, env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )

    def checks(self) -> dict[str, str]:
        """What is not ready, by name; empty when all is."""
        url = f"http://127.0.0.1:{self._port}/readyz"
        body = httpx.get(url, timeout=5, trust_env=False).json()
        checks: dict[str, str] = body.get("checks", {})
        return checks

    def wait_for(self, condition: Callable[[dict[str, str]], bool]) -> None:
        deadline = time.monotonic() + 40
        while True:
            try:
                if condition(self.checks()):
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


def test_a_stage_with_a_wrong_password_waits_says_so_and_works_once_it_is_right(
    server: RedisServer, tmp_path: Path
) -> None:
    # Given a stage that was given a wrong password
    stage = Stage(server, tmp_path)
    stage.password_file.write_text(WRONG)
    process = stage.start()
    try:
        # Then it is not ready, says why, and neither it nor its worker dies of it
        stage.wait_for(lambda checks: "is not registered" in checks.get("workers", ""))
        assert stage.checks()["redis"].startswith("redis_auth_failed: ")
        time.sleep(1)
        assert process.poll() is None
        said = stage.log.read_text()
        assert "redis_auth_failed" in said
        assert "Traceback" not in said
        assert " died " not in said

        # When the file has the right one
        stage.password_file.write_text(RIGHT)

        # Then it works, without having been started again
        stage.wait_for(lambda checks: not checks)
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(timeout=20)
    said = stage.log.read_text()
    assert WRONG not in said
    assert RIGHT not in said
