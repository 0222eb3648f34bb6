"""input_service with real services: redis-server, the ledger over gRPC, HTTP on a free port.

The stages are played by the test, which says when an image is finished.
"""

from __future__ import annotations

import hashlib
import io
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from PIL import Image
from redis import Redis

from data_storage_service.server import create_server, serving
from data_storage_service.settings import DataStorageSettings
from data_storage_service.wiring import Services, open_services
from facepipe.domain.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    DetectedFace,
    Gender,
    LandmarksPart,
    ModelInfo,
    PartError,
)
from facepipe.files.inbox import Inbox
from facepipe.files.store.opening import open_files
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import StageRun
from facepipe.queue.jobs import ImageJob, queue_of
from facepipe.stage import PartRun
from facepipe.stages import StageName
from facepipe.system.settings import (
    AddressSettings,
    ReconcileSettings,
    RedisSettings,
    TelemetrySettings,
    VolumeSettings,
)
from facepipe.system.tls import trusting
from facepipe.web import service
from input_service.app import create_input_app
from input_service.settings import InputSettings
from tests.support.redis_server import RedisServer, running_redis

NOWHERE = "127.0.0.1:9"
ANSWER_S = 60.0
MODEL = ModelInfo(name="test")


def photograph(seed: int = 0, size: tuple[int, int] = (48, 32), image_format: str = "PNG") -> bytes:
    """A small image that no other seed gives."""
    colour = tuple(random.Random(seed).randbytes(3))
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, image_format)
    return buffer.getvalue()


def wait_for(condition: Callable[[], Any], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serves an application on a free port; yields its address."""
    server = service.create_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started or not thread.is_alive())
    assert server.started, "the application did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"{'https' if server.config.is_ssl else 'http'}://127.0.0.1:{port}"
    finally:
        server.handle_exit(signal.SIGTERM, None)  # which wakes it
        thread.join(timeout=20)


@dataclass
class Rig:
    """The service, its services, and the hands of the stages."""

    settings: InputSettings
    redis_server: RedisServer
    room: Services
    store: FaceStoreClient
    http: httpx.Client
    inbox: Inbox
    redis: Redis = field(init=False)

    def __post_init__(self) -> None:
        self.redis = self.redis_server.client()

    def send(self, data: bytes, name: str = "photo.png", **parameters: Any) -> httpx.Response:
        files = [("files", (name, data, "image/png"))]
        return self.http.post("/v1/images", files=files, params=parameters)

    def accept(self, data: bytes, **parameters: Any) -> str:
        """Sends an image that must be accepted; returns its id."""
        answer = self.send(data, **parameters)
        assert answer.status_code in (200, 202), answer.text
        assert answer.json()["images"][0]["image_id"] == hashlib.sha256(data).hexdigest()
        return hashlib.sha256(data).hexdigest()

    def status(self, image_id: str) -> str:
        return str(self.http.get(f"/v1/images/{image_id}").json()["status"])

    def queued(self, stage: StageName = StageName.LANDMARK) -> list[ImageJob]:
        """The jobs that wait for a stage, first one first."""
        ids = queue_of(stage, self.redis).job_ids
        return [job for job in map(ImageJob.from_job_id, ids) if job is not None]

    def run_of(self, image_id: str, stage: StageName = StageName.LANDMARK) -> StageRun:
        generation = self.store.get(image_id).generation
        now = datetime.now(UTC)
        return StageRun(image_id, generation, stage, 1, "test", now, now)

    def find_faces(self, image_id: str, faces: int) -> None:
        """Plays landmark_service."""
        boxes = [Box(x1=0, y1=0, x2=20 - n, y2=20 - n) for n in range(faces)]
        found = [DetectedFace(box=box, confidence=0.9) for box in boxes]
        part = LandmarksPart(faces=found, detector=MODEL, landmarker=MODEL)
        self.store.save_part(self.run_of(image_id), part)

    def finish(self, image_id: str, ages: tuple[int, ...] = ()) -> None:
        """Plays the stages: one female face for each age, then the files on disk."""
        self.find_faces(image_id, len(ages))
        if ages:
            estimates = [
                AgeGender(age=age, gender=Gender.FEMALE, reliable=True, quality=0.75)
                for age in ages
            ]
            part = AgeGenderPart(faces=estimates, model=MODEL)
            self.store.save_part(self.run_of(image_id, StageName.AGEGENDER), part)
        generation = self.store.get(image_id).generation
        done = ImageJob(StageName.LANDMARK, image_id, generation)
        queue_of(StageName.LANDMARK, self.redis).remove(done.job_id)
        self.room.results.store(PartRun(StageName.STORAGE, image_id, generation, None))

    def fail(self, image_id: str) -> None:
        """Plays a landmark stage that gave up."""
        error = PartError(code="worker_died", message="it died four times")
        self.store.save_failure(self.run_of(image_id), error)

    def drop_jobs(self) -> None:
        self.redis.flushall()


@contextmanager
def open_bench(folder: Path, settings: InputSettings | None = None) -> Iterator[Rig]:
    """Starts everything; `settings` may bring sections of its own, addresses are filled in."""
    (folder / "redis").mkdir(parents=True, exist_ok=True)
    volumes = VolumeSettings(root=folder / "volumes")
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder / "redis"))
        given = settings or InputSettings()
        tls = given.tls
        shared: dict[str, Any] = {
            "tls": tls,
            "files": given.files,
            "volumes": volumes,
            "telemetry": TelemetrySettings(enabled=False),
            "reconcile": ReconcileSettings(every_s=0.3),
        }
        storage = RedisSettings(url=redis.url_of("data_storage_service"))
        room = open_services(DataStorageSettings(redis=storage, **shared))
        stack.callback(room.close)
        server = stack.enter_context(serving(create_server(room, "127.0.0.1:0")))
        store = FaceStoreClient(f"127.0.0.1:{server.port}", room.settings.inside_token, ca=tls.ca)
        stack.callback(store.close)
        address = AddressSettings(
            store_grpc=f"127.0.0.1:{server.port}",
            logger=f"http://{NOWHERE}",
            plotter=f"http://{NOWHERE}",
        )
        own = {"address": address, "redis": RedisSettings(url=redis.url_of("input_service"))}
        chosen = given.model_copy(update=shared | own)
        url = stack.enter_context(served(create_input_app(chosen)))
        http = stack.enter_context(
            httpx.Client(base_url=url, timeout=ANSWER_S, trust_env=False, verify=trusting(tls.ca))
        )
        rig = Rig(chosen, redis, room, store, http, Inbox(open_files(chosen)))
        stack.callback(rig.redis.close)
        yield rig
