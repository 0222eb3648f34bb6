"""Replicas of input_service and data_storage_service as processes, and the hands of the stages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
from redis import Redis

from data_storage_service.leading import SWEEPER, lock_of
from facepipe.domain.analysis import LandmarksPart, ModelInfo, PartError
from facepipe.domain.errors import FacepipeError
from facepipe.files.store import FileStore
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import StageRun
from facepipe.queue.jobs import ImageJob, queue_of
from facepipe.stages import StageName
from facepipe.system.inside_token import InsideToken
from tests.support.redis_server import RedisServer, free_port
from tests.support.waiting import wait_until

_NOBODY = "http://127.0.0.1:9"
_HOLDERS = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""
_FAILS = 7
"""Of so many images one has a stage that gives up."""


@dataclass
class Replica:
    """A process of a service, which can be killed and started again."""

    service: str
    environment: dict[str, str]
    url: str
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.service],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its workers go with it
            )

    def wait(self) -> None:
        wait_until(self._is_ready, 120, 0.2)

    def kill(self) -> None:
        """As a machine loses power: all of its processes at once."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass
class Fleet:
    """Two of each on one PostgreSQL and one Redis, with folders that they share."""

    folder: Path
    redis: RedisServer
    database: str
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ports = {name: (free_port(), free_port()) for name in "ab"}
        grpc = ",".join(f"127.0.0.1:{grpc}" for _, grpc in ports.values())
        self.address = f"ipv4:{grpc}"
        shared = {
            "FACEPIPE_VOLUMES_ROOT": str(self.folder / "volumes"),
            "FACEPIPE_TELEMETRY_ENABLED": "false",
            "FACEPIPE_ADDRESS_STORE_GRPC": self.address,
            "FACEPIPE_ADDRESS_LOGGER": _NOBODY,
            "FACEPIPE_ADDRESS_PLOTTER": _NOBODY,
            "FACEPIPE_STAGE_WORKERS": "1",
            "FACEPIPE_RECONCILE_EVERY_S": "1",
            "FACEPIPE_STORAGE_SETTLE_EVERY_S": "2",
        }
        self.stores = {
            name: self._replica(
                "data_storage_service",
                name,
                http,
                shared
                | {
                    "FACEPIPE_PORT_STORAGE": str(http),
                    "FACEPIPE_PORT_STORE_GRPC": str(grpc),
                    "FACEPIPE_STORAGE_DATABASE_URL": f"{self.database}&application_name={name}",
                },
            )
            for name, (http, grpc) in ports.items()
        }
        self.inputs = {
            name: self._replica(
                "input_service",
                name,
                port,
                shared | self.extra | {"FACEPIPE_PORT_INPUT": str(port)},
            )
            for name, port in (("a", free_port()), ("b", free_port()))
        }

    @property
    def replicas(self) -> list[Replica]:
        return [*self.stores.values(), *self.inputs.values()]

    @property
    def files(self) -> FileStore:
        """The folders that all share."""
        return FolderFiles(self.folder / "volumes")

    def client(self) -> FaceStoreClient:
        token = InsideToken(os.environ["FACEPIPE_ACCESS_TOKEN"])
        return FaceStoreClient(self.address, token, timeout_s=10)

    def holder(self) -> str | None:
        """Which data_storage_service sweeps: it holds the lock of the role."""
        url = self.database.replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            found = connection.execute(_HOLDERS, [lock_of(SWEEPER)]).fetchall()
        return str(found[0][0]) if found else None

    def _replica(self, service: str, name: str, port: int, environment: dict[str, str]) -> Replica:
        own = {"FACEPIPE_REDIS_URL": self.redis.url_of(service)}
        log = self.folder / f"{service}-{name}.log"
        return Replica(service, environment | own, f"http://127.0.0.1:{port}", log)


@contextmanager
def running(fleet: Fleet) -> Iterator[Fleet]:
    try:
        for replica in fleet.replicas:
            replica.start()
        for replica in fleet.replicas:
            replica.wait()
        yield fleet
    finally:
        for replica in fleet.replicas:
            replica.kill()


class Stages:
    """Plays the landmark stage, at least once each: no faces, and one in seven is given up."""

    def __init__(self, client: FaceStoreClient, redis: Redis) -> None:
        self._client = client
        self._redis = redis
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stages")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        queue = queue_of(StageName.LANDMARK, self._redis)
        while not self._is_over.wait(0.05):
            for job_id in queue.job_ids:
                job = ImageJob.from_job_id(job_id)
                if job is None:
                    continue
                try:
                    self._do(job)
                except FacepipeError:
                    continue  # the job stays, and is done again
                queue.remove(job_id)

    def _do(self, job: ImageJob) -> None:
        now = datetime.now(UTC)
        run = StageRun(job.image_id, job.generation, StageName.LANDMARK, 1, "test", now, now)
        if int(job.image_id, 16) % _FAILS == 0:
            self._client.save_failure(run, PartError(code="worker_died", message="it died"))
            return
        model = ModelInfo(name="test")
        self._client.save_part(run, LandmarksPart(faces=[], detector=model, landmarker=model))
