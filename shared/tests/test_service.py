from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from facepipe.domain.errors import ImageNotFoundError, TooManyRequestsError
from facepipe.system.settings import Settings
from facepipe.version import VERSION
from facepipe.web import healthcheck, problems, service
from facepipe.web.file_response import StoredFile
from facepipe.web.problems import PROBLEM_MEDIA_TYPE
from facepipe.web.service import create_app, create_server, run_checks
from tests.support.waiting import wait_until

STATE: dict[str, str | None] = {"database": None}


def build(folder: Path) -> FastAPI:
    app = create_app("test_service", Settings(), checks={"database": lambda: STATE["database"]})

    @app.get("/images/{number}")
    def image(number: int) -> dict[str, int]:
        match number:
            case 1:
                raise ImageNotFoundError("no image 1: ask for another")
            case 2:
                raise TooManyRequestsError("slow down", retry_after_s=1.2)
            case 3:
                raise HTTPException(418, "a teapot", headers={"X-Tea": "yes"})
            case 4:
                raise RuntimeError("secret")
        return {"number": number}

    file = folder / "digits.txt"
    file.write_text("0123456789")

    @app.get("/file", response_class=StoredFile)
    def digits() -> StoredFile:
        return StoredFile(file)

    return app


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    headers = Settings().inside_token.headers
    app = build(tmp_path)
    with TestClient(
        app, "http://127.0.0.1", raise_server_exceptions=False, headers=headers
    ) as client:
        yield client


def test_a_service_that_lives_says_so(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive", "version": VERSION}


def test_readiness_names_what_is_missing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200

    monkeypatch.setitem(STATE, "database", "locked")
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.json()["code"] == "not_ready"
    assert answer.json()["checks"] == {"database": "locked"}


@pytest.mark.anyio
async def test_a_check_that_hangs_or_breaks_is_a_reason_too() -> None:
    def broken() -> str | None:
        raise OSError("no route")

    def hanging() -> str | None:
        time.sleep(0.5)
        return None

    failing = await run_checks({"a": lambda: None, "b": broken, "c": hanging}, timeout_s=0.1)

    assert failing == {"b": "OSError: no route", "c": "no answer in 0.1 s"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_metrics_are_prometheus_text(client: TestClient) -> None:
    answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert "process_resident_memory_bytes" in answer.text


def test_an_error_of_ours_is_a_problem_document(client: TestClient) -> None:
    answer = client.get("/images/1")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.json() == {
        "type": "urn:facepipe:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "no image 1: ask for another",
        "instance": "/images/1",
        "code": "not_found",
    }


def test_a_client_is_told_when_to_come_again(client: TestClient) -> None:
    answer = client.get("/images/2")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/images/x", 400, "invalid_request"),
        ("/nowhere", 404, "not_found"),
        ("/images/3", 418, "im_a_teapot"),
        ("/images/4", 500, "internal_error"),
    ],
)
def test_every_error_is_a_problem_document(
    client: TestClient, path: str, status: int, code: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert "secret" not in answer.text


def test_a_wrong_method_keeps_its_headers(client: TestClient) -> None:
    answer = client.post("/healthz")

    assert answer.json()["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET"


def test_the_openapi_document_tells_of_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    responses = document["paths"]["/images/{number}"]["get"]["responses"]
    assert set(responses) == {"200", "400"}
    assert PROBLEM_MEDIA_TYPE in responses["400"]["content"]
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("header", ["bytes", "lines=1-2", "bytes=", "bytes=x-y", "bytes=7-3"])
def test_a_range_that_cannot_be_read_is_a_problem(header: str, client: TestClient) -> None:
    answer = client.get("/file", headers={"Range": header})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.json()["code"] == "invalid_request"
    assert "Range" in answer.json()["detail"]


def test_a_range_beyond_the_file_is_a_problem_that_tells_its_size(client: TestClient) -> None:
    answer = client.get("/file", headers={"Range": "bytes=10-"})

    assert answer.status_code == 416
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.headers["content-range"] == "bytes */10"
    assert answer.json()["code"] == "range_not_satisfiable"


def test_a_range_within_the_file_is_served(client: TestClient) -> None:
    answer = client.get("/file", headers={"Range": "bytes=2-4"})

    assert (answer.status_code, answer.text) == (206, "234")
    assert client.get("/file").text == "0123456789"


def test_a_request_that_a_stop_cuts_off_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service with a request that takes longer than a stop waits for it
    monkeypatch.setattr(service, "DRAIN_S", 1)
    app = create_app("test_service", Settings())
    has_arrived = threading.Event()

    @app.post("/slow")
    async def slow() -> None:
        has_arrived.set()
        await asyncio.sleep(60)

    server = create_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with ThreadPoolExecutor() as pool:
            call = pool.submit(
                httpx.post,
                f"http://127.0.0.1:{port}/slow",
                headers=Settings().inside_token.headers,
                timeout=30,
            )
            assert has_arrived.wait(10)

            # When it is stopped
            server.handle_exit(signal.SIGTERM, None)
            answer = call.result()
    finally:
        server.should_exit = True
        thread.join(10)

    # Then the client knows that it was not its fault, and when to come again
    assert answer.status_code == 503
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["code"] == "service_unavailable"


@contextmanager
def listening(app: FastAPI) -> Iterator[int]:
    """Serves an application on a free port of this host; its number."""
    server = create_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.handle_exit(signal.SIGTERM, None)
    thread.join(10)


def test_the_health_check_of_a_container_says_why(tmp_path: Path) -> None:
    with listening(build(tmp_path)) as port:
        assert healthcheck.problem(port) == ""
        STATE["database"] = "gone"
        try:
            assert healthcheck.problem(port) == "database: gone"
        finally:
            STATE["database"] = None
    assert "does not answer" in healthcheck.problem(port)


def test_the_document_is_made_once_however_many_ask_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given an application whose document takes a moment to make
    app = create_app("tested", Settings())
    made: list[int] = []

    def slowly(**_: object) -> dict[str, Any]:
        made.append(1)
        time.sleep(0.05)
        return {"paths": {}}

    monkeypatch.setattr(problems, "get_openapi", slowly)

    # when several calls need it at once
    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(lambda _: app.openapi(), range(8)))

    # then FastAPI was asked for it once: two threads at a time make it fail
    assert len(made) == 1
    assert all(document is documents[0] for document in documents)
