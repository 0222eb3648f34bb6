from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agegender_service import download
from agegender_service.fetch_deepface import Wanted, fetch, wanted
from agegender_service.weights import AGE_FILE
from facepipe.domain.errors import ModelCorruptError, ServiceUnavailableError
from facepipe.files.models import record_path, sha256_of

from .tiny_models import save_model


class Server(ThreadingHTTPServer):
    """Serves one file; breaks off after `break_after` bytes as often as `breaks` says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = b""
        self.etag = '"one"'
        self.break_after, self.breaks = 0, 0
        self.has_ranges = True
        self.status = 200
        self.requests: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        server.requests.append(self.headers.get("Range"))
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if server.has_ranges and self.headers.get("If-Range") == server.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if server.breaks > 0:
            server.breaks -= 1
            rest = rest[: server.break_after]
        self.wfile.write(rest)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    model = tmp_path / "published.onnx"
    save_model(model, 101, seed=1)
    with Server() as running:
        running.content = model.read_bytes()
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deepface"


def age_item(*servers: Server) -> Wanted:
    return wanted([server.url for server in servers])[0]


def quick_fetch(item: Wanted, folder: Path) -> Path:
    model = fetch(item, folder, pauses_s=(0.0, 0.0, 0.0))
    assert model.path is not None or (folder / item.file).exists()
    return folder / item.file


def test_first_fetch_records_the_checksum(server: Server, folder: Path) -> None:
    path = quick_fetch(age_item(server), folder)

    assert path.read_bytes() == server.content
    record = json.loads(record_path(path).read_text())
    assert record["sha256"] == sha256_of(path)
    assert record["source"] == server.url + AGE_FILE
    assert sorted(file.name for file in folder.iterdir()) == [AGE_FILE, f"{AGE_FILE}.json"]


def test_a_connection_that_breaks_off_is_taken_up_where_it_stopped(
    server: Server, folder: Path
) -> None:
    # given a server that gives up three times
    server.break_after, server.breaks = 4000, 3

    # when
    path = quick_fetch(age_item(server), folder)

    # then
    assert path.read_bytes() == server.content
    assert server.requests == [None, "bytes=4000-", "bytes=8000-", "bytes=12000-"]


def test_a_later_run_goes_on_where_this_one_stopped(server: Server, folder: Path) -> None:
    # given a fetch that failed for good
    server.break_after, server.breaks = 4000, 1
    with pytest.raises(ServiceUnavailableError, match="run it again"):
        fetch(age_item(server), folder, pauses_s=())
    assert not (folder / AGE_FILE).exists()

    # when
    path = quick_fetch(age_item(server), folder)

    # then
    assert server.requests[-1] == "bytes=4000-"
    assert path.read_bytes() == server.content


def test_halves_of_two_versions_are_never_joined(server: Server, folder: Path) -> None:
    # given
    server.break_after, server.breaks = 4000, 1
    with pytest.raises(ServiceUnavailableError):
        fetch(age_item(server), folder, pauses_s=())

    # when the file was published anew meanwhile
    server.etag = '"two"'
    path = quick_fetch(age_item(server), folder)

    # then
    assert path.read_bytes() == server.content


def test_a_server_without_ranges_sends_all_of_it_again(server: Server, folder: Path) -> None:
    server.break_after, server.breaks, server.has_ranges = 4000, 1, False
    assert quick_fetch(age_item(server), folder).read_bytes() == server.content


def test_the_second_source_stands_in(server: Server, folder: Path) -> None:
    with Server() as empty:
        empty.status = 404
        thread = threading.Thread(target=empty.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        path = quick_fetch(age_item(empty, server), folder)
        empty.shutdown()
        thread.join()
    assert path.read_bytes() == server.content


def test_another_file_than_the_recorded_one_is_refused(server: Server, folder: Path) -> None:
    # given
    path = quick_fetch(age_item(server), folder)
    path.unlink()

    # when the server has another model by that name
    save_model(folder / "other", 101, seed=7)
    server.content, server.etag = (folder / "other").read_bytes(), '"two"'

    # then
    with pytest.raises(ModelCorruptError, match="sha256"):
        quick_fetch(age_item(server), folder)
    assert not path.exists()
    assert not path.with_name(f"{AGE_FILE}.part").exists()


def test_an_error_page_does_not_become_the_recorded_truth(server: Server, folder: Path) -> None:
    server.content = b"<html>Sign in</html>"
    with pytest.raises(ModelCorruptError, match="no ONNX model"):
        quick_fetch(age_item(server), folder)
    assert list(folder.iterdir()) == []


def test_a_second_fetch_asks_nobody(server: Server, folder: Path) -> None:
    quick_fetch(age_item(server), folder)
    quick_fetch(age_item(server), folder)
    assert len(server.requests) == 1


def test_a_damaged_file_in_place_is_noticed(server: Server, folder: Path) -> None:
    path = quick_fetch(age_item(server), folder)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(ModelCorruptError):
        quick_fetch(age_item(server), folder)


def test_more_than_expected_is_not_stored(server: Server, folder: Path) -> None:
    part = folder / "file.part"
    with pytest.raises(ServiceUnavailableError, match="more than"):
        download.download(
            [server.url], part, lambda _have, _total: None, pauses_s=(), max_bytes=100
        )
