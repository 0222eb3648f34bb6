"""What is sent, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from facepipe_client import (
    AsyncClient,
    BusyError,
    Client,
    NoAnswerError,
    RefusedError,
    Status,
    UnexpectedAnswerError,
    WaitTimeoutError,
    following,
    patience,
)
from facepipe_client.api import Api
from facepipe_client.wire import run
from tests.support.scripted_api import (
    IMAGE_ID,
    Server,
    problem,
    put_off,
    state,
    streamed,
    taken,
    told,
    uploaded,
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "AGAIN_S", 0.0)
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.01)


def test_both_clients_have_every_call() -> None:
    calls = {name for name in dir(Api) if not name.startswith("_")}

    assert calls <= set(vars(Client))
    assert issubclass(AsyncClient, Api)
    for name in calls:
        own, described = getattr(Client, name), getattr(Api, name)
        assert own.__doc__ == described.__doc__
        parameters = inspect.signature(own).parameters
        assert parameters.keys() == inspect.signature(described).parameters.keys()


def test_a_key_and_the_version_go_with_every_call(
    connect: Callable[..., Any], server: Server
) -> None:
    server.answers = [told({"status": "alive", "version": "1"})]

    assert connect(key="fp_x").health().version == "1"

    headers = server.seen[0].headers
    assert headers["authorization"] == "Bearer fp_x"
    assert headers["user-agent"].startswith("facepipe-client/")


def test_bytes_without_a_name_are_the_body(client: Any, server: Server) -> None:
    server.answers = [uploaded(taken())]

    upload = client.upload(b"pixels", force=True, urgent=True, wait_s=2, tags=["a", "b"])

    assert (upload.image_id, upload.status) == (IMAGE_ID, Status.QUEUED)
    (seen,) = server.seen
    assert (seen.body, seen.query) == (b"pixels", "wait=2&force=true&tags=a&tags=b")
    assert seen.headers["x-priority"] == "interactive"


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
def test_what_has_a_name_is_sent_in_a_form(
    client: Any, server: Server, tmp_path: Path, kind: str
) -> None:
    server.answers = [uploaded(taken("a.jpg"))]
    path = tmp_path / "a.jpg"
    path.write_bytes(b"pixels")

    with path.open("rb") as file:
        client.upload(*{"bytes": (b"pixels", "a.jpg"), "path": (path,), "file": (file,)}[kind])

    (seen,) = server.seen
    assert b'name="files"; filename="a.jpg"' in seen.body
    assert b"pixels" in seen.body


def test_chunks_are_sent_as_they_come(connect: Callable[..., Any], server: Server) -> None:
    # Given an image of which more is not there until the first part was taken
    server.answers = [uploaded(taken())]
    client = connect()

    def chunks() -> Iterator[bytes]:
        yield from (b"pix", b"els")

    async def awaited() -> AsyncIterator[bytes]:
        for chunk in chunks():
            yield chunk

    client.upload(chunks() if isinstance(client, Client) else awaited())

    (seen,) = server.seen
    assert (seen.body, seen.headers["transfer-encoding"]) == (b"pixels", "chunked")
    with pytest.raises(ValueError, match="cannot have a name"):
        client.upload(chunks(), "a.jpg")


def test_a_busy_api_is_asked_again_while_patience_lasts(client: Any, server: Server) -> None:
    busy = problem(429, "too_many_requests")
    server.answers = [busy, None, busy, uploaded(taken())]

    assert client.upload(io.BytesIO(b"pixels"), "a.jpg", patience_s=60).image_id == IMAGE_ID

    # The file was read from its beginning each time
    assert [b"pixels" in seen.body for seen in server.seen] == [True] * 4


def test_without_patience_it_is_told_at_once_and_when_to_come_again(
    client: Any, server: Server
) -> None:
    server.answers = [problem(429, "too_many_requests", retry_after=7)]

    with pytest.raises(BusyError) as refused:
        client.upload(b"pixels")

    assert (refused.value.retry_after_s, len(server.seen)) == (7, 1)


def test_what_is_refused_is_not_sent_again(client: Any, server: Server) -> None:
    server.answers = [problem(415, "unsupported_image")]

    with pytest.raises(RefusedError, match="it is unsupported_image"):
        client.upload(b"pixels", patience_s=60)

    assert len(server.seen) == 1


def test_of_many_files_those_that_were_put_off_are_sent_again(client: Any, server: Server) -> None:
    # Given an API that takes one of three, and refuses one for good
    bad = {"code": "unsupported_image", "status": 415, "detail": "no image"}
    server.answers = [
        uploaded(put_off("0"), taken("1", "1" * 64), {"file_name": "2", "error": bad}),
        problem(429, "too_many_requests", images=[put_off("0")]),
        uploaded(taken("0", "0" * 64)),
    ]

    uploads = client.upload_many([b"zero", b"one", b"two"], patience_s=60)

    assert [upload.image_id for upload in uploads] == ["0" * 64, "1" * 64, None]
    assert uploads[2].error.code == "unsupported_image"
    assert [seen.body.count(b'name="files"') for seen in server.seen] == [3, 1, 1]


def test_of_many_files_none_of_which_is_taken_each_has_its_error(
    client: Any, server: Server
) -> None:
    server.answers = [problem(429, "too_many_requests", images=[put_off("0"), put_off("1")])]

    uploads = client.upload_many([b"zero", b"one"])

    assert [upload.error.status for upload in uploads] == [429, 429]


def test_a_call_of_many_that_is_refused_whole_is_an_error(client: Any, server: Server) -> None:
    server.answers = [problem(429, "too_many_requests")]

    with pytest.raises(BusyError):
        client.upload_many([b"zero", b"one"])


def test_filters_are_sent_and_pages_are_joined(client: Any, server: Server) -> None:
    server.answers = [
        told({"images": [state("stored")], "next_cursor": "c1"}),
        told({"images": [state("partial")], "next_cursor": None}),
    ]
    moment = datetime(2026, 11, 22, tzinfo=UTC)

    found = client.images(status=["stored", "partial"], received_after=moment, reliable=True)

    assert [image.status for image in found] == ["stored", "partial"]
    first, second = (seen.query for seen in server.seen)
    assert first == (
        "limit=500&status=stored&status=partial"
        "&received_after=2026-11-22T00%3A00%3A00%2B00%3A00&reliable=true"
    )
    assert second.startswith("limit=500&cursor=c1&")


def test_waiting_survives_an_api_that_is_away(client: Any, server: Server) -> None:
    server.answers = [told(state("queued")), None, problem(503, "down"), told(state("stored"))]

    assert client.wait(IMAGE_ID, 60).status is Status.STORED


def test_waiting_has_an_end(client: Any, server: Server) -> None:
    server.answers = [told(state("detecting"))]

    with pytest.raises(WaitTimeoutError, match=r"1 images .* abababab detecting"):
        client.wait_all([IMAGE_ID, IMAGE_ID], 0)


def test_following_survives_a_stream_that_breaks(client: Any, server: Server) -> None:
    # Given a stream that is put off, one that breaks off, and one that comes to the end
    def stream(*statuses: str) -> Any:
        events = [f"event: state\ndata: {json.dumps(state(s))}\n\n" for s in statuses]
        return streamed(": ping\n\n" + "".join(events))

    server.answers = [
        problem(429, "too_many_requests"),
        told(state("queued")),
        stream("queued", "detecting"),
        told(state("analysing")),
        stream("storing", "stored"),
    ]

    statuses = [found.status for found in client.follow(IMAGE_ID)]

    assert statuses == ["queued", "queued", "detecting", "analysing", "storing", "stored"]


def test_an_answer_of_another_program_is_no_answer_of_the_api(
    connect: Callable[..., Any], server: Server
) -> None:
    server.answers = [told({"hello": "world"}), streamed("hello"), told([])]
    client = connect()

    with pytest.raises(UnexpectedAnswerError, match="no ImageState"):
        client.image(IMAGE_ID)
    with pytest.raises(UnexpectedAnswerError, match="no JSON"):
        client.stats()
    with pytest.raises(UnexpectedAnswerError, match="no JSON object"):
        client.trace(IMAGE_ID)


def test_words_and_fields_of_a_newer_api_are_kept(client: Any, server: Server) -> None:
    server.answers = [told(state("dreaming", mood="good"))]

    image = client.image(IMAGE_ID)

    assert (image.status, image.mood) == ("dreaming", "good")
    # And what the API of then does not say has its default
    known = {"image": image.image.to_json(), "reanalysing": False}
    assert image.to_json() == state("dreaming", mood="good") | known


def test_an_api_that_is_not_there_is_told_with_its_address() -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(NoAnswerError, match=r"127\.0\.0\.1:9"),
    ):
        client.stats()


def test_a_stream_that_is_left_gives_its_connection_back(server: Server) -> None:
    server.answers = [told({}), told({"status": "alive"})]
    with Client(server.address) as client:
        export = client.export("coco")
        next(export)
        export.close()  # type: ignore[attr-defined]  # it is a generator

        assert client.health().status == "alive"


def test_a_call_that_would_wait_for_a_loop_is_a_fault_of_the_client() -> None:
    async def wait() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waits for an event loop"):
        run(wait())


def test_the_stream_of_all_images_goes_on_where_it_broke(server: Server) -> None:
    def event(number: int, status: str) -> str:
        return f"event: state\ndata: {json.dumps(state(status))}\nid: {number}\n\n"

    server.answers = [
        streamed(": ping\n\n" + event(7, "queued")),
        problem(503, "service_unavailable"),
        streamed(event(9, "stored")),
    ]

    with Client(server.address) as client:
        changes = client.changes()
        seen = [next(changes), next(changes)]
        changes.close()  # type: ignore[attr-defined]  # it is a generator

    assert [(number, image.status) for number, image in seen] == [("7", "queued"), ("9", "stored")]
    assert [one.headers.get("last-event-id") for one in server.seen] == [None, "7", "7"]


def test_many_images_are_deleted_and_retried_by_filter(client: Any, server: Server) -> None:
    server.answers = [told({"done": 2, "left": 1, "errors": {}})]

    assert client.delete_images(folder="old", limit=2).left == 1
    assert client.retry_images(status=["failed"]).done == 2

    assert [one.query for one in server.seen] == ["limit=2&folder=old", "limit=500&status=failed"]
