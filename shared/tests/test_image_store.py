from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from redis import Redis

from facepipe.domain.errors import ServiceUnavailableError
from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.system.settings import RedisSettings, Settings
from tests.support.missing import missing
from tests.support.redis_server import RedisServer, find_redis_server

ID = "cd" * 32
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    binary = find_redis_server()
    if binary is None:
        missing("no redis-server")
    server = RedisServer(binary, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with server.client() as redis:
        redis.flushall()
        yield redis


def test_uploads_and_crops_come_back_as_they_were(redis: Redis) -> None:
    store = RedisImageStore(redis, RedisSettings())
    crops = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)

    store.put_upload(ID, b"upload")
    store.put_crops(ID, crops)

    assert store.get_upload(ID) == b"upload"
    assert np.array_equal(store.get_crops(ID), crops)  # type: ignore[arg-type]  # None would fail
    assert 0 < redis.ttl(f"image:{ID}") <= RedisSettings().image_ttl_s


def test_what_was_discarded_is_a_miss(redis: Redis) -> None:
    store = RedisImageStore(redis, RedisSettings())
    store.put_upload(ID, b"upload")

    store.discard(ID)

    assert store.get_upload(ID) is None
    assert redis.dbsize() == 0


def test_above_the_budget_nothing_is_cached(redis: Redis) -> None:
    store = RedisImageStore(redis, RedisSettings(image_budget_bytes=1000))

    store.put_upload(ID, bytes(30_000))

    assert store.get_upload(ID) is None


def test_what_was_put_a_moment_ago_counts(redis: Redis) -> None:
    used = int(redis.info("memory")["used_memory"])
    store = RedisImageStore(redis, RedisSettings(image_budget_bytes=used + 2_000_000))
    ids = [str(number) * 64 for number in range(3)]

    for image_id in ids:
        store.put_upload(image_id, bytes(900_000))

    assert [store.get_upload(image_id) is not None for image_id in ids] == [True, True, False]


def test_without_redis_everything_is_a_miss_and_nothing_an_error() -> None:
    store = RedisImageStore(Redis(port=9, socket_connect_timeout=1), RedisSettings())

    store.put_upload(ID, b"upload")
    store.discard(ID)

    assert store.get_upload(ID) is None


def test_what_is_cached_is_read_from_there(redis: Redis, tmp_path: Path) -> None:
    image_id = hashlib.sha256(_png()).hexdigest()
    store = RedisImageStore(redis, RedisSettings())
    store.put_upload(image_id, _png())

    images = _images(store, tmp_path)

    assert images.load(image_id).shape == (2, 3, 3)


def test_what_is_cached_under_an_id_and_is_not_that_upload_is_a_miss(
    redis: Redis, tmp_path: Path
) -> None:
    (tmp_path / "saved_data" / "source").mkdir(parents=True)
    (tmp_path / "saved_data" / "source" / ID).write_bytes(_png())
    store = RedisImageStore(redis, RedisSettings())
    store.put_upload(ID, b"pixels of an earlier version")

    images = _images(store, tmp_path)

    assert images.load(ID).shape == (2, 3, 3)


def test_a_miss_is_read_from_the_upload_that_was_kept(redis: Redis, tmp_path: Path) -> None:
    # Given an upload that is on disk alone
    (tmp_path / "saved_data" / "source").mkdir(parents=True)
    (tmp_path / "saved_data" / "source" / ID).write_bytes(_png())
    store = RedisImageStore(redis, RedisSettings())

    images = _images(store, tmp_path)

    assert images.load(ID).shape == (2, 3, 3)


def test_an_upload_on_a_host_that_does_not_answer_can_be_tried_again(
    redis: Redis, tmp_path: Path
) -> None:
    store = RedisImageStore(redis, RedisSettings())
    images = _images(store, tmp_path)

    with pytest.raises(ServiceUnavailableError) as raised:
        images.load(ID)

    assert raised.value.transient


def _images(store: RedisImageStore, folder: Path) -> SourceImages:
    files, token = FolderFiles(folder), Settings().inside_token
    return SourceImages(store, Inbox(files), ResultFiles(files), NOWHERE, token)


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(buffer, "PNG")
    return buffer.getvalue()
