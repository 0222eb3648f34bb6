"""Which names a service answers to, and whose pages may call it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from facepipe.system.settings import AccessSettings, AddressSettings, Settings
from facepipe.web.problems import PROBLEM_MEDIA_TYPE
from facepipe.web.service import create_app

HERE = "http://127.0.0.1:8000"
GALLERY = "https://gallery.example"


def build(settings: Settings) -> FastAPI:
    app = create_app(
        "landmark_service",
        settings,
        is_inside=False,
        other_origins=[GALLERY],
        private_paths=("/queue/",),
    )

    @app.api_route("/things", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.get("/queue/data")
    def things() -> str:
        return "done"

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    settings = Settings(
        host="0.0.0.0",  # noqa: S104  # as in a container
        bind="192.0.2.7",
        address=AddressSettings(store_grpc="data_storage_service:50051", otlp="logs:4317"),
        access=AccessSettings(
            allowed_hosts="Photos.example, nas.example:8443",
            token=Settings().access.token,
        ),
    )
    with TestClient(build(settings), HERE) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8000", "127.3.2.1", "localhost", "localhost:9", "LocalHost.",
        "[::1]", "[::1]:8000", "[::ffff:127.0.0.1]", "192.0.2.7:8000", "landmark_service:8001",
        "data_storage_service:8003", "logs", "photos.example", "PHOTOS.example:443", "nas.example",
    ],
)  # fmt: skip
def test_a_service_answers_to_its_own_names(client: TestClient, host: str) -> None:
    for path in ("/things", "/healthz", "/metrics"):
        assert client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
        "evil.localhost", "[::]", "192.0.2.8", "photos.example.evil.example", "x@127.0.0.1",
        "127.0.0.1@evil.example", "127.0.0.1/evil", "127.0.0.1:x", "[::1", "", " ", "2130706433",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_a_name_that_was_made_to_lead_here_is_refused(
    client: TestClient, host: str, method: str
) -> None:
    for path in ("/things", "/healthz", "/openapi.json", "/nowhere"):
        answer = client.request(method, path, headers={"Host": host})

        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
        assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
        assert "FACEPIPE_ACCESS_ALLOWED_HOSTS" in answer.json()["detail"]


def test_two_names_are_none(client: TestClient) -> None:
    headers = httpx.Headers([("Host", "127.0.0.1"), ("Host", "evil.example")])

    assert client.get("/things", headers=headers).status_code == 421


def test_the_address_that_was_called_is_a_name_too() -> None:
    # Given a service that listens on every address, as in a container
    app = build(Settings(host="0.0.0.0", bind="0.0.0.0"))  # noqa: S104  # what is tested

    # When a probe calls it by the address of the container, and a page by a name
    probe = TestClient(app, "http://192.0.2.9:8001").get("/healthz")
    rebound = TestClient(app, "http://192.0.2.9:8001").get(
        "/healthz", headers={"Host": "a.example"}
    )

    # Then the probe is answered: no name leads there that a page could go by
    assert (probe.status_code, rebound.status_code) == (200, 421)


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://127.0.0.1:8000@evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "of-a-later-standard"},
]
OURS = [
    {},
    {"Origin": HERE},
    {"Origin": HERE, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": GALLERY, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://photos.example"},  # a proxy that names us 127.0.0.1
    {"Origin": "https://nas.example:8443"},
    {"Origin": "https://photos.example", "Host": "photos.example"},
    {"Origin": "https://photos.example", "Host": "photos.example:443"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PURGE"])
def test_a_page_of_another_site_changes_nothing(
    client: TestClient, headers: dict[str, str], method: str
) -> None:
    answer = client.request(method, "/things", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", OURS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_our_own_pages_and_programs_pass(
    client: TestClient, headers: dict[str, str], method: str
) -> None:
    assert client.request(method, "/things", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_site_may_link_here_and_not_reach_into_the_page(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.get("/things", headers=headers).status_code == 200
    assert client.get("/queue/data", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [*FOREIGN, {"Host": "evil.example"}])
def test_a_websocket_is_opened_by_our_own_pages_alone(
    client: TestClient, headers: dict[str, str]
) -> None:
    here = {"Host": "127.0.0.1:8000"}

    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/socket", headers=here | headers),
    ):
        pass

    assert refused.value.code == 1008
    with client.websocket_connect("/socket", headers=here | {"Origin": HERE}):
        pass
