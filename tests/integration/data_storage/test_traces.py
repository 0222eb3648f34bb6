"""What is left of an image after it was deleted: nothing that tells of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from data_storage_service.erasure import Erasure
from data_storage_service.leftovers import CacheSweep, FailedJobSweep
from facepipe.files.image_store import RedisImageStore
from facepipe.queue.jobs import ImageJob, enqueue, queue_of
from facepipe.stage import PartRun
from facepipe.stages import StageName
from facepipe.system.settings import RedisSettings
from tests.integration.data_storage.conftest import Store
from tests.support import store_samples as samples
from tests.support.redis_server import RedisServer, free_port

FILE_NAME = samples.info("").file_name.encode()


class Logger:
    """What data_storage_service sees of logger_service."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.address = f"http://127.0.0.1:{free_port()}"
        self._server: HTTPServer | None = None

    def start(self) -> None:
        logger = self

        class Handler(BaseHTTPRequestHandler):
            def do_DELETE(self) -> None:
                logger.forgotten.append(self.path.rpartition("/")[2])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        port = int(self.address.rpartition(":")[2])
        self._server = HTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@pytest.fixture
def logger() -> Iterator[Logger]:
    logger = Logger()
    yield logger
    logger.stop()


def erasure(store: Store, logger: Logger, every_s: float = 0) -> Erasure:
    services = store.services
    return Erasure(
        services.ledger,
        services.queries,
        services.redis,
        logger.address,
        services.settings.inside_token,
        every_s=every_s,
    )


def stored(store: Store, number: int) -> str:
    image_id = store.accept(number)
    store.client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    store.client.save_part(samples.run(image_id, StageName.AGEGENDER), samples.agegender())
    assert store.services.results.store(PartRun(StageName.STORAGE, image_id, 1, None))
    return image_id


def files_with(root: Path, needle: bytes) -> list[str]:
    """Files that have the needle in their name or their bytes."""
    return sorted(
        path.name
        for path in root.rglob("*")
        if path.is_file() and (needle in path.name.encode() or needle in path.read_bytes())
    )


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_ledger_forgets_file_names(store: Store, logger: Logger) -> None:
    # given images whose names stand in the ledger, and in its write-ahead log
    logger.start()
    volumes = store.services.settings.volumes.root
    ids = [stored(store, number) for number in range(12)]
    index = {"index.sqlite3", "index.sqlite3-wal"}
    assert index & set(files_with(volumes, FILE_NAME))

    # when they are deleted, and the service has had its moment
    for image_id in ids:
        store.client.delete(image_id)
    assert erasure(store, logger)() == 12

    # then no file has a name any more, and of an id there is the tombstone alone
    assert files_with(volumes, FILE_NAME) == []
    assert set(files_with(volumes, ids[0].encode())) <= index
    assert sorted(logger.forgotten) == sorted(ids)
    assert erasure(store, logger)() == 0


def test_log_lines_are_erased_when_the_logger_is_back(store: Store, logger: Logger) -> None:
    # given an image that is deleted while the logger is away
    image_id = stored(store, 1)
    store.client.delete(image_id)
    chore = erasure(store, logger)
    assert chore() == 0

    # when the logger is back
    logger.start()

    # then its lines are erased after all
    assert chore() == 1
    assert logger.forgotten == [image_id]


def test_redis_forgets_what_it_was_told(
    store: Store, logger: Logger, redis_server: RedisServer, tmp_path: Path
) -> None:
    # given cached pixels, and their copy in the append-only file
    logger.start()
    image_id = stored(store, 1)
    images = RedisImageStore(store.services.redis, RedisSettings(url=redis_server.url))
    images.put_upload(image_id, b"upload")
    assert files_with(tmp_path / "redis", image_id.encode())

    # when the image is deleted; the job of its storage had waited for a worker
    store.client.delete(image_id)
    with redis_server.client() as redis:
        redis.delete(*redis.keys("rq:*"))
    assert erasure(store, logger)() == 1

    # then Redis writes its file anew
    deadline = time.monotonic() + 20
    while files_with(tmp_path / "redis", image_id.encode()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_pixels_cached_after_the_end_are_discarded(store: Store, redis_server: RedisServer) -> None:
    # given a finished image, and one in flight, both with pixels in the cache
    finished, in_flight = stored(store, 1), store.accept(2)
    images = RedisImageStore(store.services.redis, RedisSettings(url=redis_server.url))
    for image_id in (finished, in_flight):
        images.put_upload(image_id, b"upload")
        images.put_crops(image_id, np.zeros((1, 224, 224, 3), np.uint8))

    # when the cache is swept
    assert CacheSweep(store.services.redis, store.services.queries)() > 0

    # then those of the finished one are gone
    assert images.get_upload(finished) is None
    assert images.get_crops(finished) is None
    assert images.get_upload(in_flight) is not None
    assert images.get_crops(in_flight) is not None


def test_failed_jobs_of_finished_images_are_dropped(
    store: Store, redis_server: RedisServer
) -> None:
    # given a finished image and one in flight, of which a job each has failed
    redis = redis_server.client()
    finished, in_flight = stored(store, 1), store.accept(2)
    jobs = [ImageJob(StageName.AGEGENDER, image_id, 1) for image_id in (finished, in_flight)]
    queue = queue_of(StageName.AGEGENDER, redis)
    for job in jobs:
        enqueue(redis, job)
        redis.lrem(queue.key, 0, job.job_id)
        redis.zadd(queue.failed_job_registry.key, {job.job_id: time.time() + 3600})

    # when they are swept
    assert FailedJobSweep(store.services.redis, store.services.queries)() == 1

    # then that of the finished one is gone
    assert redis.keys(f"rq:*agegender-{finished}*") == []
    assert redis.keys(f"rq:job:agegender-{in_flight}*") == [f"rq:job:{jobs[1].job_id}".encode()]
    assert redis.zrange(queue.failed_job_registry.key, 0, -1) == [jobs[1].job_id.encode()]
