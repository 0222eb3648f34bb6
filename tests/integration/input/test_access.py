"""Keys, scopes, rates, headers and the record of reads, through the real API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from input_service.access.keyring import ApiKey, Scope, new_key
from input_service.settings import InputAccessSettings, InputSettings, ViewerSettings
from tests.integration.input.rig import Rig, open_bench, photograph

READER, WRITER, ERASER, BUSY = (new_key() for _ in range(4))
VIEWER = new_key()
INSIDE = InputSettings().inside_token.value
ORIGIN = "https://gallery.example"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("input")
    keys_file = folder / "keys"
    keys_file.write_text(f"# people\n{ApiKey.of('busy', [Scope.READ], BUSY)}\n")
    stored = [
        ApiKey.of("reader", [Scope.READ], READER),
        ApiKey.of("writer", [Scope.READ, Scope.WRITE], WRITER),
        ApiKey.of("eraser", Scope, ERASER),
    ]
    access = InputAccessSettings(
        keys=" ".join(map(str, stored)),
        keys_file=keys_file,
        token=INSIDE,
        cors_origins=ORIGIN,
        rate_per_s=1,
        rate_burst=40,
    )
    settings = InputSettings(access=access, viewer=ViewerSettings(key=VIEWER), bind="192.0.2.1")
    with open_bench(folder, settings) as rig:
        yield rig


@pytest.fixture(scope="module")
def image_id(rig: Rig) -> str:
    answer = _post(rig, WRITER)
    assert answer.status_code == 202
    return str(answer.json()["images"][0]["image_id"])


def test_without_a_key_nothing_is_told(rig: Rig, image_id: str) -> None:
    for path in ("/v1/images", f"/v1/images/{image_id}/source", "/v1/stats", "/metrics", "/none"):
        for headers in ({}, _bearer("fp_wrong"), {"Authorization": "Basic eDp5"}):
            answer = rig.http.get(path, headers=headers)

            assert answer.status_code == 401
            assert answer.json()["code"] == "unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_health_needs_no_key(rig: Rig) -> None:
    assert rig.http.get("/healthz").status_code == 200
    assert rig.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("key", [READER, WRITER, ERASER, VIEWER, INSIDE])
def test_every_key_reads_either_way_it_is_sent(rig: Rig, image_id: str, key: str) -> None:
    path = f"/v1/images/{image_id}"

    assert rig.http.get(path, headers=_bearer(key)).status_code == 200
    assert rig.http.get(path, headers={"X-API-Key": key}).status_code == 200


def test_a_key_does_what_its_scopes_say(rig: Rig, image_id: str) -> None:
    assert _post(rig, READER).json()["code"] == "forbidden"
    assert _post(rig, INSIDE).status_code == 403
    for key in (READER, WRITER):
        answer = rig.http.delete(f"/v1/images/{image_id}", headers=_bearer(key))
        assert answer.status_code == 403

    other = _post(rig, VIEWER, seed=2).json()["images"][0]["image_id"]
    answer = rig.http.delete(f"/v1/images/{other}", headers=_bearer(ERASER))
    assert answer.status_code == 204


def test_a_key_that_calls_too_often_is_told_when_to_come_back(rig: Rig) -> None:
    answers = [rig.http.get("/v1/stats", headers=_bearer(BUSY)) for _ in range(60)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "too_many_requests"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 2
    # And the others are not the worse for it.
    assert rig.http.get("/v1/stats", headers=_bearer(ERASER)).status_code == 200


def test_every_answer_tells_browsers_to_be_careful(rig: Rig, image_id: str) -> None:
    source = f"/v1/images/{image_id}/source"
    for path, key in ((source, READER), ("/healthz", ""), ("/v1/images", "wrong"), ("/x", READER)):
        headers = rig.http.get(path, headers=_bearer(key) if key else {}).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


def test_only_the_origin_that_was_named_may_use_the_api_from_a_page(rig: Rig) -> None:
    for origin, is_let_in in ((ORIGIN, True), ("https://evil.example", False)):
        preflight = rig.http.options(
            "/v1/images",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        sent = _post(rig, WRITER, headers={"Origin": origin})

        assert (preflight.status_code == 200) == is_let_in
        assert (sent.status_code == 202) == is_let_in
        assert (sent.headers.get("access-control-allow-origin") == origin) == is_let_in


def test_reads_and_deletions_are_recorded(
    rig: Rig, image_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "audit"):
        rig.http.get(f"/v1/images/{image_id}/source", headers=_bearer(READER))
        rig.http.get(f"/v1/images/{image_id}/result")
        rig.http.get("/v1/images", headers=_bearer(READER))
        rig.http.delete(f"/v1/images/{'0' * 64}", headers=_bearer(ERASER))
        rig.http.get("/healthz")

    seen = [(r.key, r.action, r.image_id, r.status) for r in caplog.records if r.name == "audit"]  # type: ignore[attr-defined]  # given as extra
    assert sorted(seen) == [
        ("anybody", "read_result", image_id, 401),
        ("eraser", "delete", "0" * 64, 404),
        ("reader", "list", "", 200),
        ("reader", "read_source", image_id, 200),
    ]
    assert READER not in caplog.text


def test_a_worker_on_another_host_reads_uploads_with_the_inside_token(
    rig: Rig, image_id: str, tmp_path: Path
) -> None:
    cache = RedisImageStore(rig.redis, rig.settings.redis)
    cache.discard(image_id)
    url = str(rig.http.base_url)

    elsewhere = SourceImages(
        cache,
        Inbox(FolderFiles(tmp_path)),
        ResultFiles(FolderFiles(tmp_path)),
        url,
        rig.settings.inside_token,
    )

    assert elsewhere.load(image_id).shape == (32, 48, 3)


def _post(
    rig: Rig, key: str, *, seed: int = 1, headers: dict[str, str] | None = None
) -> httpx.Response:
    return rig.http.post(
        "/v1/images",
        files=[("files", ("a.png", photograph(seed), "image/png"))],
        headers=_bearer(key) | (headers or {}),
    )


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
