"""The upload route with every other service down: what is accepted is on disk all the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from facepipe.files.inbox import Inbox
from facepipe.files.store.folder import FolderFiles
from facepipe.system.settings import AddressSettings, RedisSettings, VolumeSettings
from input_service.app import create_input_app
from input_service.settings import InputSettings, UploadSettings
from services.input_service.tests.conftest import image_bytes

NOWHERE = "127.0.0.1:9"


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="module")
def client(volumes: Path) -> Iterator[TestClient]:
    settings = InputSettings(
        redis=RedisSettings(url=f"redis://{NOWHERE}/0"),
        address=AddressSettings(
            store_grpc=NOWHERE, logger=f"http://{NOWHERE}", plotter=f"http://{NOWHERE}"
        ),
        volumes=VolumeSettings(root=volumes),
        upload=UploadSettings(max_bytes=200_000, max_files=3, max_request_bytes=500_000),
    )
    with TestClient(create_input_app(settings), "http://127.0.0.1") as client:
        yield client


def test_an_image_is_durable_before_the_answer(client: TestClient, volumes: Path) -> None:
    data = image_bytes(color="navy")

    answer = client.post("/v1/images", files=[("files", ("a b.jpg", data, "image/jpeg"))])

    assert answer.status_code == 202
    (entry,) = answer.json()["images"]
    assert entry["image_id"] == hashlib.sha256(data).hexdigest()
    assert entry["status"] == "received"
    inbox = Inbox(FolderFiles(volumes))
    assert inbox.read(entry["image_id"]) == data
    assert inbox.entry(entry["image_id"]).image.file_name == "a b.jpg"


def test_a_raw_body_is_an_image_too(client: TestClient) -> None:
    answer = client.post(
        "/v1/images", content=image_bytes(color="pink"), headers={"Content-Type": "image/jpeg"}
    )

    assert answer.status_code == 202
    assert answer.json()["images"][0]["links"]["result"].endswith("/result")


@pytest.mark.parametrize(
    ("query", "header", "name"),
    [
        ("", 'attachment; filename="a b.jpg"', "a b.jpg"),
        ("", "attachment; filename*=UTF-8''z%C3%BCrich.jpg", "zürich.jpg"),
        ("?file_name=z%C3%BCrich.jpg", "", "zürich.jpg"),
        ("?file_name=mine.jpg", "attachment; filename=other.jpg", "mine.jpg"),
        ("?file_name=..%2F..%2Fetc%2Fpasswd", "", "passwd"),
        ("", "attachment", ""),
        ("", "", ""),
    ],
)
def test_a_raw_body_is_named_by_its_header_or_the_query(
    client: TestClient, query: str, header: str, name: str
) -> None:
    headers = {"Content-Type": "image/jpeg", "Content-Disposition": header}

    answer = client.post(f"/v1/images{query}", content=image_bytes(color="teal"), headers=headers)

    assert answer.json()["images"][0]["file_name"] == name


@pytest.mark.parametrize("field", ["files", "file", "image", "files[]", "photo"])
def test_a_file_is_taken_from_a_field_of_any_name(client: TestClient, field: str) -> None:
    answer = client.post("/v1/images", files={field: ("a.jpg", image_bytes(), "image/jpeg")})

    assert answer.status_code == 202


def test_each_file_gets_its_own_answer(client: TestClient) -> None:
    files = [
        ("files", ("good.png", image_bytes(image_format="PNG"), "image/png")),
        ("files", ("bad.png", b"no image", "image/png")),
    ]

    answer = client.post("/v1/images", files=files)

    assert answer.status_code == 202
    good, bad = answer.json()["images"]
    assert good["image_id"]
    assert good["error"] is None
    assert bad["image_id"] is None
    assert bad["error"]["code"] == "unsupported_image"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"no image at all", 415, "unsupported_image"),
        (image_bytes((300, 300), image_format="PNG")[:100], 422, "undecodable_image"),
        (b"\xff" * 200_001, 413, "image_too_large"),
        (b"", 400, "invalid_request"),
    ],
)
def test_what_is_refused_is_a_problem_document(
    client: TestClient, data: bytes, status: int, code: str
) -> None:
    answer = client.post("/v1/images", content=data, headers={"Content-Type": "image/png"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\photos\\\\me.jpg", "me.jpg"),
        ("a\x00\x1b[31mb.png", "a[31mb.png"),
        ("n" * 400, "n" * 255),
    ],
)
def test_a_file_name_is_kept_as_a_name_alone(client: TestClient, sent: str, kept: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="%b"\r\n\r\n%b\r\n--x--\r\n'
    ) % (sent.encode(), image_bytes())

    answer = client.post(
        "/v1/images", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert answer.json()["images"][0]["file_name"] == kept


def test_more_files_than_allowed_are_refused(client: TestClient) -> None:
    files = [("files", (f"{n}.jpg", image_bytes(), "image/jpeg")) for n in range(4)]

    answer = client.post("/v1/images", files=files)

    assert answer.status_code == 400
    assert "3" in answer.json()["detail"]


def test_a_call_beyond_the_limit_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/images", files=[("files", ("x", b"x" * 600_000, "image/png"))])

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_without_files_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/images", files=[("note", (None, "hello"))])

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


def test_an_id_that_is_none_never_becomes_a_path(client: TestClient) -> None:
    for bad in ("..%2F..%2Fetc%2Fpasswd", "A" * 64, "ab" * 31):
        assert client.get(f"/v1/images/{bad}/source").status_code in (400, 404)


def test_without_the_ledger_states_are_unavailable_and_say_so(client: TestClient) -> None:
    answer = client.get(f"/v1/images/{'ab' * 32}")

    assert answer.status_code == 503
    assert answer.json()["code"] == "service_unavailable"


def test_readiness_names_what_is_missing(client: TestClient) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert set(answer.json()["checks"]) == {"redis", "ledger"}


def test_an_inbox_that_is_gone_is_not_ready(client: TestClient, volumes: Path) -> None:
    inbox = volumes / "inbox"
    inbox.rename(volumes / "elsewhere")
    try:
        checks = client.get("/readyz").json()["checks"]
    finally:
        (volumes / "elsewhere").rename(inbox)

    assert str(inbox) in checks["inbox"]
