"""Uploads go through the page: each file has its answer, none stays, memory is bounded."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi, serving
from tests.support.scripted_api import IMAGE_ID
from tests.support.scripted_api import taken as taken_entry

pytest.importorskip("gradio")

from facepipe.domain.errors import InvalidRequestError
from facepipe.system.settings import AddressSettings
from facepipe_client import AsyncClient
from gradio_viewer import uploads
from gradio_viewer.app import create_viewer_app
from gradio_viewer.memory_budget import MemoryBudget
from gradio_viewer.settings import ViewerSettings

from .visitor import Visitor, file_data

pytestmark = pytest.mark.filterwarnings("default")

MAX_BYTES = 100_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that Gradio has."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "gradio"


@pytest.fixture(scope="module")
def taken() -> FakeApi:
    """The API behind the viewer."""
    api = FakeApi()
    api.max_bytes = MAX_BYTES
    return api


@pytest.fixture(scope="module")
def viewer(taken: FakeApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, serving(taken.app) as address:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        settings = ViewerSettings(address=AddressSettings(input=address))
        with serving(create_viewer_app(settings)) as viewer:
            yield viewer


@pytest.fixture
def visitor(viewer: str) -> Iterator[Visitor]:
    visitor = Visitor(viewer)
    yield visitor
    visitor.close()


def shown(visitor: Visitor, tickets: list[str], names: list[str]) -> str:
    """What the page shows of files that it has uploaded."""
    return visitor.choose([file_data(*entry) for entry in zip(tickets, names, strict=True)])


def test_a_file_that_is_refused_or_too_large_does_not_end_the_batch(
    visitor: Visitor, taken: FakeApi
) -> None:
    # given good files with two bad ones and a too large one between them
    names = ["first.jpg", "huge.jpg", "none.txt", "empty.jpg", "last.jpg"]
    files = [portrait(), b"\xff\xd8" + bytes(MAX_BYTES), b"no image", b"", portrait()]
    # when they are sent in one call
    tickets = visitor.upload(*zip(names, files, strict=True))
    # then each has an answer of its own, in their order, and the good ones are accepted
    told = shown(visitor, tickets, names)
    assert "5 of 5 finished" in told
    assert told.count("done: 2 faces") >= 2
    assert "it is larger than 0.0954 MB" in told
    assert "not an image of an accepted format" in told
    assert sorted(image["image"]["file_name"] for image in taken.images.values()) == [
        "first.jpg",
        "last.jpg",
    ]


def test_nothing_of_an_upload_touches_the_disk(visitor: Visitor) -> None:
    # given a viewer whose folder is its own
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert folder.stat().st_mode & 0o777 == 0o700
    # when files were sent and one call breaks off in the middle of a file
    visitor.upload(("a.jpg", portrait()), ("b.txt", b"no image"))
    with pytest.raises(ConnectionError):
        visitor.http.post(
            "/gradio_api/upload?upload_id=u2",
            content=_half_a_form(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
    # then there is no file
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def _half_a_form() -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    yield b"half of the pixels" * 1000
    raise ConnectionError


def test_the_folder_is_emptied_at_the_start_and_gone_at_the_end(address: str, folder: Path) -> None:
    # given what a crash has left, in a folder that others may enter
    folder.mkdir(mode=0o755)
    (folder / "left.jpg").write_bytes(portrait())
    with serving(create_viewer_app(ViewerSettings(address=AddressSettings(input=address)))):
        assert list(folder.glob("*.jpg")) == []
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_an_api_that_is_down_is_told_for_each_file(folder: Path) -> None:
    # given a page without an API
    settings = ViewerSettings(address=AddressSettings(input="http://127.0.0.1:9"))
    with serving(create_viewer_app(settings)) as viewer:
        visitor = Visitor(viewer)
        # when two files are sent
        tickets = visitor.upload(("a.jpg", portrait()), ("b.jpg", portrait()))
        # then both rows say so
        assert shown(visitor, tickets, ["a", "b"]).count("does not answer") >= 2
        visitor.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"hello"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 20_000 + b": b\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno file\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; '
         b'name="files"; filename="a"\r\n\r\nno end'),
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(visitor: Visitor, kind: str, body: bytes) -> None:
    answer = visitor.http.post(
        "/gradio_api/upload?upload_id=u3", content=body, headers={"Content-Type": kind}
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


def test_progress_is_told_to_who_sends_alone(viewer: str) -> None:
    # given a visitor whose file has come half
    owner, other = Visitor(viewer), Visitor(viewer)
    go_on = threading.Event()

    def form() -> Iterator[bytes]:
        yield next(_half_a_form())
        yield b"pixels" * 1000
        go_on.wait(20)
        yield b"\r\n--x--\r\n"

    def send() -> None:
        owner.http.post(
            "/gradio_api/upload?upload_id=known",
            content=form(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )

    sender = threading.Thread(target=send)
    sender.start()
    # when both ask how far the upload is
    progress = "/gradio_api/upload_progress?upload_id=known"
    with owner.http.stream("GET", progress) as answer:
        told = next(answer.iter_lines())
    stolen = other.http.get(progress).text
    go_on.set()
    sender.join()
    # then only the one who sends is told the file's name
    assert '"orig_name": "a.jpg", "chunk_size": 6000' in told
    assert stolen == 'data: {"msg": "done"}\n\n'
    owner.close()
    other.close()


def test_a_busy_api_is_asked_again_with_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given an API that is busy twice
    got: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request.read())
        if len(got) < 3:
            return httpx.Response(429, json={"code": "too_many_requests"})
        return httpx.Response(202, json={"images": [taken_entry("a.jpg")]})

    monkeypatch.setattr(uploads, "AGAIN_S", 0.0)
    api = AsyncClient("http://nowhere", transport=httpx.MockTransport(answer))
    intake = uploads._Intake(api, uploads.Largest(10, ""), MemoryBudget(10))
    # when a file is sent
    ticket = asyncio.run(intake._send(io.BytesIO(b"pixels"), "a.jpg"))
    # then it came whole each time, and is accepted in the end
    assert ticket.image_id == IMAGE_ID
    assert [b"pixels" in body for body in got] == [True] * 3


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a file whose bytes do not come
    monkeypatch.setattr(uploads, "FILE_S", 0.01)
    budget = MemoryBudget(10)

    async def coming() -> AsyncIterator[object]:
        yield b"a"
        await asyncio.sleep(3600)

    async def read() -> None:
        largest = uploads.Largest(10, "it is too large")
        intake = uploads._Intake(AsyncClient("http://nowhere"), largest, budget)
        with budget.buffer() as place:
            await intake._read(coming(), place, "a.jpg", uploads.Note())

    # when it is waited for, then not for ever, and its room is free again
    with pytest.raises(InvalidRequestError, match="longer than"):
        asyncio.run(read())
    assert budget.held == 0


def test_files_in_one_call_are_limited(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES", 2)
    form = [("files", ("a.txt", b"x"))] * 3

    answer = visitor.http.post("/gradio_api/upload?upload_id=u4", files=form)

    assert answer.status_code == 413
