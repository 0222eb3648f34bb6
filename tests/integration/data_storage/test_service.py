"""The whole service: HTTP, gRPC, and a storage worker as a process of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from data_storage_service.app import create_storage_app
from data_storage_service.settings import DataStorageSettings
from facepipe.domain.status import Status
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.client import FaceStoreClient
from facepipe.stages import StageName
from facepipe.system.settings import AddressSettings, PortSettings, TelemetrySettings
from tests.support import store_samples as samples
from tests.support.redis_server import RedisServer, free_port

WAIT_S = 60


def test_parts_become_files_on_the_volume(
    settings: DataStorageSettings,
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given the running service
    port = free_port()
    settings.port = PortSettings(store_grpc=port)
    settings.address = AddressSettings(store_grpc=f"127.0.0.1:{port}")
    settings.telemetry = TelemetrySettings(enabled=False)
    monkeypatch.setenv("FACEPIPE_REDIS_URL", redis_server.url_of("data_storage_service"))
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path / "volumes"))
    monkeypatch.setenv("FACEPIPE_STORAGE_DATABASE_URL", settings.storage.database_url)
    monkeypatch.setenv("FACEPIPE_TELEMETRY_ENABLED", "false")
    image_id = samples.image_id_of(1)
    app = create_storage_app(settings)
    headers = settings.inside_token.headers
    with TestClient(
        app, "http://127.0.0.1", raise_server_exceptions=False, headers=headers
    ) as http:
        client = FaceStoreClient(f"127.0.0.1:{port}", settings.inside_token, timeout_s=20)
        inbox = Inbox(FolderFiles(settings.volumes.root))
        inbox.add(image_id, samples.png(1), samples.entry(image_id))
        client.register(image_id, samples.info(image_id), samples.START)

        # when both parts come
        client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
        client.save_part(samples.run(image_id, StageName.AGEGENDER), samples.agegender())
        deadline = time.monotonic() + WAIT_S
        while client.get(image_id).status is not Status.STORED:
            assert time.monotonic() < deadline, client.get(image_id)
            time.sleep(0.1)

        # then the files are on the volume, and the service is ready
        files = ResultFiles(FolderFiles(settings.volumes.root))
        assert files.read_document(image_id).num_faces == 1
        annotated = files.annotated(image_id)
        assert annotated is not None
        assert annotated.read_bytes().startswith(b"\xff\xd8")
        while files.source(image_id) is None:  # settled, right after the end of the image
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert files.read_source(image_id) == samples.png(1)
        while (ready := http.get("/readyz")).status_code != 200:
            assert time.monotonic() < deadline, ready.text
            time.sleep(0.1)
        assert 'facepipe_store_calls_total{method="RegisterImage"}' in http.get("/metrics").text

        # and a volume that is gone is told
        inbox_folder = settings.volumes.inbox
        inbox_folder.rename(tmp_path / "elsewhere")
        assert str(inbox_folder) in http.get("/readyz").json()["checks"]["inbox"]
        (tmp_path / "elsewhere").rename(inbox_folder)
        client.close()
