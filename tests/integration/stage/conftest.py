from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from facepipe.queue import jobs
from facepipe.queue.job_table import FUNCTIONS
from facepipe.queue.jobs import ImageJob
from facepipe.stages import StageName
from facepipe.system.settings import Settings
from tests.support.redis_server import RedisServer, free_port, running_redis

ROOT = Path(__file__).parents[3]
LEASE_S = 3
PATIENCE = {"overtime_s": 0.5, "sweep_s": 0.2, "stray_s": 1.0, "restart_pause_s": 0.2}


def wait_for(condition: Callable[[], Any], within_s: float) -> float:
    """Waits until the condition holds; returns the seconds that took."""
    begin = time.monotonic()
    while time.monotonic() < begin + within_s:
        try:
            if condition():
                return time.monotonic() - begin
        except (RedisError, httpx.HTTPError):
            pass
        time.sleep(0.03)
    raise AssertionError(f"not within {within_s} s")


def id_of(name: str) -> str:
    """The image that a test calls by a short name of hexadecimal digits."""
    return name.ljust(64, "0")


class StageProcess:
    """A running stage: the supervising process and its workers."""

    def __init__(self, environment: dict[str, str], port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stage_process"],
            env=environment,
            cwd=ROOT,
        )

    def get(self, path: str) -> httpx.Response:
        headers = Settings().inside_token.headers
        return httpx.get(self._url + path, headers=headers, timeout=5, trust_env=False)

    def is_ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def wait_until_ready(self, within_s: float = 40.0) -> None:
        wait_for(self.is_ready, within_s)

    def worker_pids(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for tasks in listed for pid in tasks.read_text().split()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)


class Rig:
    """Redis for the queues, a second Redis that plays the ledger, and stages.

    Starting a stage takes seconds, so tests share one and use image ids of their own.
    """

    def __init__(self, queues: RedisServer, ledger: RedisServer, environment: dict[str, str]):
        self.queues = queues
        self.redis = queues.client()
        self.ledger: Redis = ledger.client()
        self._environment = environment | {
            "FACEPIPE_REDIS_URL": queues.url_of("landmark_service"),
            "FACEPIPE_STAGE_LEASE_S": str(LEASE_S),
            "FACEPIPE_STAGE_WORKERS": "1",
            "FACEPIPE_TELEMETRY_ENABLED": "false",
            "STAGE_TEST_LEDGER": ledger.url,
        }
        self._stages: list[StageProcess] = []

    def ready_stage(self) -> StageProcess:
        """A stage that works: one that is there already, if it lives."""
        stage = next(iter(self.living_stages()), None) or self.start_stage()
        stage.wait_until_ready()
        return stage

    def living_stages(self) -> list[StageProcess]:
        return [stage for stage in self._stages if stage.process.poll() is None]

    def start_stage(self, **environment: str) -> StageProcess:
        port = free_port()
        patience = PATIENCE | json.loads(environment.pop("patience", "{}"))
        own = {"FACEPIPE_PORT_LANDMARK": str(port), "STAGE_TEST_PATIENCE": json.dumps(patience)}
        stage = StageProcess(self._environment | own | environment, port)
        self._stages.append(stage)
        return stage

    def enqueue(
        self,
        image_id: str,
        behaviour: str = "quick",
        *,
        retries: int = 3,
        pause_s: int = 1,
        timeout_s: int = 60,
    ) -> None:
        self.ledger.set(f"behaviour:{id_of(image_id)}", behaviour)
        job = ImageJob(StageName.LANDMARK, id_of(image_id), 1)
        pauses = [pause_s] * retries
        assert jobs.enqueue(self.redis, job, timeout_s=timeout_s, retry_pauses_s=pauses)

    def runs_of(self, image_id: str) -> list[int]:
        """The processes that began the job, in order."""
        entries = [entry.partition(":") for entry in self._told("runs")]
        return [int(pid) for name, _, pid in entries if name == id_of(image_id)]

    def has_result(self, image_id: str) -> bool:
        return bool(self.ledger.sismember("results", id_of(image_id)))

    def failures_of(self, image_id: str) -> list[str]:
        """Attempt and code of the failures that were reported."""
        entries = [entry.partition(":") for entry in self._told("failures")]
        return [failure for name, _, failure in entries if name == id_of(image_id)]

    def _told(self, key: str) -> list[str]:
        return [
            bytes(entry).decode() for entry in cast(list[bytes], self.ledger.lrange(key, 0, -1))
        ]

    def is_idle(self) -> bool:
        return not jobs.live_job_ids(self.redis)

    def close(self) -> None:
        for stage in self.living_stages():
            stage.kill()
        self.redis.close()
        self.ledger.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp
    environment = dict(os.environ)
    # Workers start often here, and load faster from bytecode.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with (
        pytest.MonkeyPatch.context() as patch,
        running_redis(folder("queues")) as queues,
        running_redis(folder("ledger")) as ledger,
    ):
        patch.setitem(FUNCTIONS, StageName.LANDMARK, "tests.support.stage_jobs.work")
        rig = Rig(queues, ledger, environment)
        yield rig
        rig.close()
