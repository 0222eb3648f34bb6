"""The whole service: HTTP, gRPC, and a storage worker as a process of its own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from data_storage_service.app import create_storage_app
from data_storage_service.settings import DataStorageSettings
from facepipe.analysis import Status
from facepipe.inbox import Inbox
from facepipe.settings import AddressSettings, PortSettings, TelemetrySettings
from facepipe.stages import StageName
from facepipe.store_client import FaceStoreClient
from tests.support import store_samples as samples
from tests.support.redis_server import RedisServer, free_port

WAIT_S = 60


def test_parts_become_files_that_can_be_fetched(
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
    monkeypatch.setenv("FACEPIPE_REDIS_URL", redis_server.url)
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path / "volumes"))
    monkeypatch.setenv("FACEPIPE_TELEMETRY_ENABLED", "false")
    image_id, other = samples.image_id_of(1), samples.image_id_of(2)
    with TestClient(
        create_storage_app(settings), "http://127.0.0.1", raise_server_exceptions=False
    ) as http:
        client = FaceStoreClient(f"127.0.0.1:{port}", timeout_s=20)
        inbox = Inbox(settings.volumes.inbox)
        inbox.add(image_id, samples.png(1), samples.entry(image_id))
        client.register(image_id, samples.info(image_id), samples.START)

        # when both parts come
        client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
        client.save_part(samples.run(image_id, StageName.AGEGENDER), samples.agegender())
        deadline = time.monotonic() + WAIT_S
        while client.get(image_id).status is not Status.STORED:
            assert time.monotonic() < deadline, client.get(image_id)
            time.sleep(0.1)

        # then the files are served
        document = http.get(f"/files/{image_id}.json")
        assert document.json()["num_faces"] == 1
        annotated = http.get(f"/files/{image_id}.jpg")
        assert annotated.headers["content-type"] == "image/jpeg"
        assert annotated.content.startswith(b"\xff\xd8")
        source = http.get(f"/files/{image_id}/source")
        assert source.content == samples.png(1)
        assert source.headers["x-content-type-options"] == "nosniff"
        lines = [json.loads(line) for line in http.get("/export").text.splitlines()]
        assert [line["image"]["sha256"] for line in lines] == [image_id]
        assert "landmarks" not in lines[0]["faces"][0]
        assert "landmarks" in http.get("/export?landmarks=true").json()["faces"][0]
        while (ready := http.get("/readyz")).status_code != 200:
            assert time.monotonic() < deadline, ready.text
            time.sleep(0.1)
        assert "facepipe" in http.get("/metrics").text

        # and nothing else is
        assert http.get(f"/files/{other}.json").status_code == 404
        for path in ("..%2F..%2Fetc%2Fpasswd", "index.sqlite3", "%2e%2e", "x" * 64):
            for tail in (".json", ".jpg", "/source"):
                assert http.get(f"/files/{path}{tail}").status_code in (400, 404)
        assert http.get("/files/.index/index.sqlite3").status_code == 404
        client.close()
