"""Whatever is sent to the upload route, it is taken or refused; it never breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facepipe.files.inbox import Inbox
from facepipe.files.store.folder import FolderFiles
from facepipe.system.settings import AddressSettings, RedisSettings, VolumeSettings
from input_service.app import create_input_app
from input_service.settings import InputSettings, UploadSettings
from services.input_service.tests.conftest import image_bytes

NOWHERE = "127.0.0.1:9"
PNG = image_bytes((8, 8), "olive", "PNG")
JPEG = image_bytes((8, 8), "olive")
BOUNDARY = b"frontier"

bounded = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
names = st.text(
    st.characters(codec="utf-8", exclude_characters='"\r\n\\'), max_size=30
) | st.sampled_from(["../../etc/passwd", "a\0b", "CON", "%2e%2e%2f", "=1+1", "x" * 300])
cuts = st.tuples(st.integers(0, len(PNG)), st.binary(max_size=20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    app_settings = InputSettings(
        redis=RedisSettings(url=f"redis://{NOWHERE}/0"),
        address=AddressSettings(store_grpc=NOWHERE),
        volumes=VolumeSettings(root=folder),
        upload=UploadSettings(max_bytes=20_000, max_files=3, max_request_bytes=50_000),
    )
    with TestClient(create_input_app(app_settings), "http://127.0.0.1") as client:
        yield client


@bounded
@given(body=st.binary(max_size=300), content_type=st.text(st.characters(codec="ascii")))
@example(body=b"", content_type="multipart/form-data")
@example(body=b"--x\r\n\r\n", content_type="multipart/form-data; boundary=x")
@example(body=b"--x", content_type="multipart/form-data; boundary=")
@example(body=b"x", content_type="multipart/form-data; boundary=x; charset=nonsense")
def test_any_body_under_any_label(client: TestClient, body: bytes, content_type: str) -> None:
    label = "".join(character for character in content_type if character.isprintable())

    answer = client.post("/v1/images", content=body, headers={"Content-Type": label})

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@bounded
@given(parts=st.lists(st.binary(max_size=80), max_size=6), is_closed=st.booleans())
def test_any_parts_in_any_order(client: TestClient, parts: list[bytes], is_closed: bool) -> None:
    body = b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts)
    body += b"--" + BOUNDARY + b"--\r\n" if is_closed else b""

    answer = client.post(
        "/v1/images",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=frontier"},
    )

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@bounded
@given(name=names)
def test_any_file_name_is_only_a_name(client: TestClient, folder: Path, name: str) -> None:
    # Given bytes of their own, so that each name is a first one
    data = PNG + hashlib.sha256(name.encode()).digest()

    # When they are sent under that name
    answer = client.post("/v1/images", files=[("files", (name or "n", data, "image/png"))])

    # Then the only files are named by the bytes
    assert answer.status_code == 202
    (entry,) = answer.json()["images"]
    assert entry["image_id"] == hashlib.sha256(data).hexdigest()
    inbox = folder / "inbox"
    assert all(len(path.stem) == 64 for path in inbox.iterdir())
    assert {path.name for path in folder.iterdir()} <= {"inbox", "saved_data"}


@bounded
@given(cut=cuts)
def test_an_image_cut_anywhere_is_taken_or_refused(
    client: TestClient, folder: Path, cut: tuple[int, bytes]
) -> None:
    data = PNG[: cut[0]] + cut[1]

    answer = client.post("/v1/images", content=data, headers={"Content-Type": "image/png"})

    image_id = hashlib.sha256(data).hexdigest()
    assert answer.status_code in (202, 400, 415, 422)
    assert (image_id in Inbox(FolderFiles(folder))) == (answer.status_code == 202)


@bounded
@given(files=st.lists(st.sampled_from([PNG, JPEG, b"no image", b""]), min_size=1, max_size=5))
def test_each_file_is_answered_in_its_place(client: TestClient, files: list[bytes]) -> None:
    sent = [("files", (f"{n}.png", data, "image/png")) for n, data in enumerate(files)]

    answer = client.post("/v1/images", files=sent)

    if len(files) > 3:
        assert answer.status_code == 400
        return
    good = [data in (PNG, JPEG) for data in files]
    assert answer.status_code == (202 if any(good) else 415)
    entries = answer.json()["images"]
    assert [entry["file_name"] for entry in entries] == [f"{n}.png" for n in range(len(files))]
    assert [entry["image_id"] is not None for entry in entries] == good
