"""Every way in which real clients send a file."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import socket
import threading
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import pytest

from input_service.settings import FetchSettings, InputSettings, UploadSettings
from tests.integration.input.rig import Rig, open_bench, photograph

Answer = tuple[int, dict[str, Any]]


@pytest.mark.parametrize("field", ["file", "image", "files[]", "photo", "upload"])
def test_any_field_of_a_form_is_a_file(rig: Rig, field: str) -> None:
    answer = rig.http.post("/v1/images", files={field: ("a.png", photograph(600), "image/png")})

    assert answer.json()["images"][0]["file_name"] == "a.png", answer.text


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"; filename="a.png"', "a.png"),
        ('name="file"; filename="Zoë.png"', "Zoë.png"),
        ("name=file; filename=a.png", "a.png"),
        ("name=file; filename*=UTF-8''Zo%C3%AB.png", "Zoë.png"),
        ('name="file"; filename="C:\\\\Photos\\\\a.png"', "a.png"),
        ('name="file"; filename="=?utf-8?B?Wm/Dqy5wbmc=?="', "Zoë.png"),
        ('name="file"; filename="x.png"; filename*=UTF-8\'\'Zo%C3%AB.png', "Zoë.png"),
        ('name="file"; filename=""', ""),
        ('name="file"', ""),
        ('name="anything"', ""),
    ],
)
@pytest.mark.parametrize("boundary", ["plain", "----WebKit Form+Boundary'7"])
def test_names_and_boundaries_as_clients_write_them(
    rig: Rig, disposition: str, name: str, boundary: str
) -> None:
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode() + photograph(zlib.crc32(f"{disposition}{boundary}".encode()))
    body += f"\r\n--{boundary}--\r\n".encode()

    answer = rig.http.post(
        "/v1/images",
        content=body,
        headers={"Content-Type": f'multipart/form-data; boundary="{boundary}"'},
    )

    assert answer.status_code == 202, answer.text
    assert answer.json()["images"][0]["file_name"] == name


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "text/plain", None])
def test_a_raw_body_is_an_image_whatever_its_type_says(rig: Rig, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = rig.http.post("/v1/images", content=photograph(602), headers=headers)

    assert answer.status_code == 202, answer.text


def test_a_chunked_body_is_taken(rig: Rig) -> None:
    data = photograph(603)

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(data), 7):
            yield data[at : at + 7]

    answer = rig.http.post("/v1/images", content=chunks())

    assert answer.json()["images"][0]["image_id"] == hashlib.sha256(data).hexdigest()


def test_a_client_of_http_1_0_is_answered(rig: Rig) -> None:
    data = photograph(604)
    head = f"POST /v1/images HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n"

    status, document = _spoken(rig, [head.encode() + data])

    assert (status, document["images"][0]["status"]) == (202, "queued")


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(rig: Rig) -> None:
    data = photograph(605)
    host = rig.http.base_url.netloc.decode()
    head = (
        f"POST /v1/images HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )

    status, document = _spoken(rig, [head.encode(), data], waits=b"HTTP/1.1 100")

    assert (status, document["images"][0]["status"]) == (202, "queued")


def _spoken(rig: Rig, pieces: list[bytes], waits: bytes = b"") -> Answer:
    url = rig.http.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as peer:
        peer.sendall(pieces[0])
        if waits:
            assert peer.recv(1000).startswith(waits)
        for piece in pieces[1:]:
            peer.sendall(piece)
        text = b"".join(iter(lambda: peer.recv(65536), b""))
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("start", ["", "data:image/png;base64,"])
def test_an_image_in_json_is_taken(rig: Rig, start: str) -> None:
    data = photograph(610)
    text = start + base64.encodebytes(data).decode()  # with line breaks

    answer = rig.http.post(
        "/v1/images", json={"base64": text, "file_name": "a.png", "tags": ["x"], "max_faces": 2}
    )

    [sent] = answer.json()["images"]
    assert sent["image_id"] == hashlib.sha256(data).hexdigest()
    assert (sent["file_name"], sent["tags"]) == ("a.png", ["x"])
    options = rig.store.get(sent["image_id"]).image.options
    assert options is not None
    assert options.max_faces == 2


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b"{}", 400, "invalid_request"),
        (b'{"base64": "!"}', 400, "invalid_request"),
        (b'{"base64": ""}', 400, "invalid_request"),
        (b'{"base64": "aGVsbG8="}', 415, "unsupported_image"),
        (b'{"base64": "aGVsbG8=", "url": "http://x"}', 400, "invalid_request"),
        (b'{"base64": "aGVsbG8=", "max_faecs": 2}', 422, "unknown_parameter"),
        (b'{"url": "http://127.0.0.1/a.jpg"}', 422, "url_not_allowed"),
    ],
)
def test_json_that_is_no_upload_is_refused(
    rig: Rig, document: bytes, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = rig.http.post("/v1/images", content=document, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("in_form", [True, False])
def test_the_files_of_a_zip_are_taken_with_their_folders(rig: Rig, in_form: bool) -> None:
    data = _zip(
        {
            "a.png": photograph(620),
            "2026/italy/b.png": photograph(621),
            "../../etc/c.png": photograph(622),
            "notes.txt": b"no image",
            "__MACOSX/._a.png": b"of a Mac",
            "2026/.DS_Store": b"of a Mac",
        }
    )
    parts: Any = {"files": {"files": ("all.zip", data)}} if in_form else {"content": data}

    answer = rig.http.post("/v1/images", params={"folder": "import", "force": True}, **parts)

    images = answer.json()["images"]
    assert [(one["file_name"], one["folder"]) for one in images if one["image_id"]] == [
        ("a.png", "import"),
        ("b.png", "import/2026/italy"),
        ("c.png", "import/etc"),
    ]
    assert [one["error"]["code"] for one in images if one["error"]] == ["unsupported_image"]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Takes little, and fetches URLs, also of this machine."""
    upload = UploadSettings(max_bytes=100_000, max_archive_files=3)
    fetch = FetchSettings(enabled=True, private="127.0.0.0/8", timeout_s=2)
    settings = InputSettings(upload=upload, fetch=fetch)
    with open_bench(tmp_path_factory.mktemp("strict"), settings) as rig:
        yield rig


def test_a_zip_that_would_fill_memory_does_not(strict: Rig) -> None:
    bomb = _zip({"zeros.bmp": b"BM" + bytes(200_000_000), "big.bmp": b"BM" + photograph(1) * 2000})

    images = strict.http.post("/v1/images", content=bomb).json()["images"]

    assert [one["error"]["code"] for one in images] == ["image_too_large"] * 2
    many = strict.http.post("/v1/images", content=_zip({f"{n}.png": b"x" for n in range(4)}))
    assert (many.status_code, many.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("data", [b"PK\3\4 no zip", _zip({"a.png": photograph(1)})[:60]])
def test_a_broken_zip_is_refused(rig: Rig, data: bytes) -> None:
    answer = rig.http.post("/v1/images", content=data)

    assert (answer.status_code, answer.json()["code"]) == (422, "undecodable_image")


class _Site(http.server.BaseHTTPRequestHandler):
    """A site with a photograph, and with what is no file of its own."""

    moved: ClassVar = {
        "/moved": "/a%20b.png",
        "/loop": "/loop",
        "/inside": "http://10.0.0.1/a.png",
        "/file": "file:///etc/passwd",
    }

    def do_GET(self) -> None:
        if self.path in self.moved:
            self.send_response(302)
            self.send_header("Location", self.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        sizes = {"/a%20b.png": photograph(630), "/large": bytes(200_000), "/slow": b""}
        if self.path not in sizes:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow":
            threading.Event().wait(5)
        self.wfile.write(sizes[self.path])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _fetched(rig: Rig, url: str) -> httpx.Response:
    return rig.http.post("/v1/images", json={"url": url, "folder": "web"})


@pytest.mark.parametrize("path", ["/a%20b.png", "/moved"])
def test_a_url_is_fetched_where_that_is_allowed(strict: Rig, site: str, path: str) -> None:
    [sent] = _fetched(strict, site + path).json()["images"]

    assert sent["image_id"] == hashlib.sha256(photograph(630)).hexdigest()
    assert (sent["file_name"], sent["folder"]) == ("a b.png", "web")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/inside", "url_not_allowed"),
        ("/file", "url_not_allowed"),
        ("/loop", "url_not_fetched"),
        ("/none", "url_not_fetched"),
        ("/slow", "url_not_fetched"),
        ("/large", "image_too_large"),
    ],
)
def test_a_url_that_leads_astray_is_refused(strict: Rig, site: str, path: str, code: str) -> None:
    assert _fetched(strict, site + path).json()["code"] == code


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/a.jpg",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[fd00::1]/",
        "http://0/",
        "http://0x0a000001/",
        "http://167772161/",
        "http://user:key@example.org/",  # pragma: allowlist secret - made up for this test
        "ftp://example.org/a.jpg",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http:///a.jpg",
        "a.jpg",
        "http://[",
    ],
)
def test_a_url_of_a_private_network_or_another_protocol_is_not_fetched(
    strict: Rig, url: str
) -> None:
    assert _fetched(strict, url).json()["code"] == "url_not_allowed"
