"""Images and results in a bucket: one image's life, ranges, links, and a store that is away."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from data_storage_service.settling import SettlingLoop
from facepipe.domain.analysis import PartError
from facepipe.domain.errors import FilesUnavailableError
from facepipe.system.files_settings import FilesSettings
from facepipe_client import Client
from input_service.settings import InputSettings
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.s3_server import SERVERS, S3Server, running_s3

PREFIX = "some/where"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Server]:
    with running_s3(request.param, tmp_path / "s3") as server:
        yield server


@contextmanager
def bench(folder: Path, files: FilesSettings) -> Iterator[Rig]:
    with open_bench(folder, InputSettings(files=files)) as rig:
        yield rig


def test_one_images_life_in_a_bucket(server: S3Server, tmp_path: Path) -> None:
    data = photograph(1, (300, 200))
    with bench(tmp_path / "stack", server.files) as rig:
        # Given an accepted upload
        image_id = rig.accept(data)
        inbox, saved = f"{PREFIX}/inbox/{image_id}", f"{PREFIX}/saved_data"
        assert server.names() == [inbox, f"{inbox}.json"]
        assert rig.http.get(f"/v1/images/{image_id}/source").content == data

        # When it is finished
        rig.finish(image_id, ages=(30, 40))

        # Then its files are in the bucket alone, under the names that they have on disk
        expected = {
            f"{saved}/{image_id}.jpg",
            f"{saved}/{image_id}.json",
            f"{saved}/source/{image_id}",
        }
        assert set(server.names()) == expected
        assert not [path for path in tmp_path.rglob(f"*{image_id}*") if "s3" not in path.parts]

        # And are answered as from a folder
        calls = f"/v1/images/{image_id}"
        result = rig.http.get(f"{calls}/result")
        assert result.json()["num_faces"] == 2
        annotated = rig.http.get(f"{calls}/annotated")
        assert annotated.content.startswith(b"\xff\xd8")
        assert annotated.headers["content-type"] == "image/jpeg"
        assert rig.http.get(f"{calls}/thumbnail.jpg").status_code == 200
        assert image_id in rig.http.get("/v1/export?format=coco").text
        assert rig.http.get("/readyz").json().get("checks", {}).get("inbox") is None

        # And erased
        rig.http.delete(calls).raise_for_status()
        assert server.names() == []
        assert rig.http.get(f"{calls}/annotated").status_code == 410


def test_ranges_and_what_a_client_has_already(server: S3Server, tmp_path: Path) -> None:
    data = photograph(2, (300, 200))
    with bench(tmp_path / "stack", server.files) as rig:
        url = f"/v1/images/{rig.accept(data)}/source"
        whole = rig.http.get(url)
        assert whole.content == data
        assert int(whole.headers["content-length"]) == len(data)

        def part(value: str, **headers: str) -> httpx.Response:
            return rig.http.get(url, headers={"Range": value, **headers})

        for value, expected in {
            "bytes=0-9": data[:10],
            "bytes=10-": data[10:],
            "bytes=-7": data[-7:],
            f"bytes=5-{len(data) + 99}": data[5:],
        }.items():
            answer = part(value)
            assert (answer.status_code, answer.content) == (206, expected)
            first = len(data) - len(expected) if value != "bytes=0-9" else 0
            assert answer.headers["content-range"].startswith(f"bytes {first}-")
        assert part("bytes=0-1,5-6").content == data
        assert part("bytes=0-9", **{"If-Range": '"other"'}).content == data
        beyond = part(f"bytes={len(data)}-")
        assert (beyond.status_code, beyond.headers["content-range"]) == (
            416,
            f"bytes */{len(data)}",
        )
        assert part("bytes=x").json()["code"] == "invalid_request"
        etag = whole.headers["etag"]
        assert rig.http.get(url, headers={"If-None-Match": etag}).status_code == 304
        head = rig.http.head(url)
        assert (head.status_code, head.headers["etag"], head.content) == (200, etag, b"")


def test_a_store_that_is_away_accepts_nothing_and_loses_nothing(
    server: S3Server, tmp_path: Path
) -> None:
    proxy = FaultyProxy(server.port)
    away = Fault(answer="503 Slow Down\n<Code>SlowDown</Code>")
    with bench(tmp_path / "stack", server.reached_at(proxy.endpoint, timeout_s=2)) as rig:
        # Given one accepted image, and one with a result
        waiting, stored = rig.accept(photograph(1)), rig.accept(photograph(2))
        rig.finish(stored, ages=(30,))

        with proxy.failing(away):
            # When the store is away, then nothing is accepted, and the caller knows when to come
            refused = rig.send(photograph(3))
            assert refused.status_code == 503
            assert refused.json()["code"] == "files_unavailable"
            assert int(refused.headers["retry-after"]) >= 1
            read = rig.http.get(f"/v1/images/{stored}/annotated")
            assert (read.status_code, read.json()["code"]) == (503, "files_unavailable")
            assert "files_unavailable" in json.dumps(rig.http.get("/readyz").json())
            # And what is deleted meanwhile is gone for everybody
            rig.http.delete(f"/v1/images/{stored}")
            assert rig.http.get(f"/v1/images/{stored}/annotated").status_code == 410
            # And an image whose job is lost is not given up
            rig.drop_jobs()
            rig.room.recovery.recover()
            with pytest.raises(FilesUnavailableError):
                rig.room.recovery.recover()
        with proxy.failing(Fault(answer="507 Full\n")):
            full = rig.send(photograph(3))
            assert (full.status_code, full.json()["code"]) == (507, "storage_full")

        # Then, when it is back, all goes on
        assert rig.http.get("/v1/stats").json()["failed"] == 0
        assert rig.send(photograph(3)).status_code == 202
        for _ in range(3):
            rig.room.recovery.recover()
        rig.finish(waiting, ages=(30,))
        assert rig.status(waiting) == "stored"
        SettlingLoop(rig.room.settler, rig.room.queries, 60, rig.room.lead).settle_all()
        assert not [name for name in server.names() if stored in name]
    proxy.close()


def test_the_ledger_does_not_wait_for_a_store_that_hangs(server: S3Server, tmp_path: Path) -> None:
    # Given a finished image whose files are still to be moved, and one that is being analysed
    proxy = FaultyProxy(server.port)
    with bench(tmp_path / "stack", server.reached_at(proxy.endpoint, timeout_s=3)) as rig:
        failed, running = rig.accept(photograph(1)), rig.accept(photograph(2))
        loop = SettlingLoop(rig.room.settler, rig.room.queries, 60, rig.room.lead)
        with proxy.failing(Fault(pause_s=60)), ThreadPoolExecutor() as pool:
            rig.room.ledger.fail(rig.run_of(failed), PartError(code="worker_died", message="twice"))

            # When the store hangs while they are to be moved
            settling = pool.submit(loop.settle_all)
            time.sleep(0.5)
            begin = time.monotonic()
            rig.find_faces(running, faces=1)

            # Then the ledger goes on, and the files are moved once it is back
            assert time.monotonic() - begin < 1
            with pytest.raises(FilesUnavailableError):
                settling.result(timeout=20)
        assert loop.settle_all() == 1
        assert not [name for name in server.names() if f"/inbox/{failed}" in name]
    proxy.close()


def test_clients_may_be_sent_to_the_store(server: S3Server, tmp_path: Path) -> None:
    files = server.files.model_copy(update={"downloads": "redirect"})
    with bench(tmp_path / "stack", files) as rig:
        image_id = rig.accept(photograph(1))
        rig.finish(image_id)
        url = f"/v1/images/{image_id}/source"

        # A client gets a link that needs no key
        answer = rig.http.get(url)
        assert answer.status_code == 307
        assert answer.headers["cache-control"] == "no-store"
        found = httpx.get(answer.headers["location"]).raise_for_status()
        assert found.content == photograph(1)

        # Which the project's own client follows
        with Client(str(rig.http.base_url)) as client:
            assert client.file(image_id, "source") == photograph(1)

        # A service gets the bytes
        inside = rig.http.get(url, headers=rig.settings.inside_token.headers)
        assert (inside.status_code, inside.content) == (200, photograph(1))


def test_receivers_of_webhooks_go_on_where_they_were(server: S3Server, tmp_path: Path) -> None:
    signer = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
    settings = InputSettings(files=server.files)
    hook = settings.webhook.model_copy(update={"urls": "http://127.0.0.1:9/", "secret": signer})
    with open_bench(tmp_path / "stack", settings.model_copy(update={"webhook": hook})):
        wait_for(lambda: any("/inbox/.webhooks/" in name for name in server.names()))
