from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_storage_service.server import StoreServer, create_server, serving
from data_storage_service.settings import DataStorageSettings, StorageSettings
from data_storage_service.wiring import Services, open_services
from facepipe.files.inbox import Inbox
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.client import FaceStoreClient
from facepipe.system.settings import RedisSettings, VolumeSettings
from tests.support import store_samples as samples
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer, running_redis


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(
    tmp_path: Path, redis_server: RedisServer, request: pytest.FixtureRequest
) -> DataStorageSettings:
    """On each database."""
    storage = StorageSettings(watch_poll_ms=20, watchers=2)
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        storage.database_url = server.new_database()
    return DataStorageSettings(
        redis=RedisSettings(url=redis_server.url_of("data_storage_service")),
        volumes=VolumeSettings(root=tmp_path / "volumes"),
        storage=storage,
    )


@dataclass
class Store:
    """The real server, and a client as the other services have it."""

    services: Services
    server: StoreServer
    client: FaceStoreClient
    inbox: Inbox

    def accept(self, number: int = 0) -> str:
        image_id = samples.image_id_of(number)
        self.inbox.add(image_id, samples.png(number), samples.entry(image_id))
        self.client.register(image_id, samples.info(image_id), samples.START)
        return image_id


@pytest.fixture
def store(settings: DataStorageSettings) -> Iterator[Store]:
    services = open_services(settings)
    server = create_server(services, "127.0.0.1:0")
    client = FaceStoreClient(f"127.0.0.1:{server.port}", settings.inside_token, timeout_s=20)
    with serving(server):
        yield Store(services, server, client, Inbox(FolderFiles(settings.volumes.root)))
        client.close()
    services.close()
