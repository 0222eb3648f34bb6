"""Files in a bucket on a real engine: docker-compose.bucket.yml with a store of the S3 kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.support.compose_stack import ComposeStack
from tests.support.redis_server import free_port
from tests.support.s3_server import BUCKET, KEY_ID, KEY_SECRET, S3Server
from tests.support.waiting import wait_until
from tools.stack.certificates import CA, CERT, KEY, Authority
from tools.stack_driver.api import upload_all

IMAGE = "facepipe-test/s3rver"
PREFIX = "facepipe"
HERE = "127.0.0.1"
FILES = ("docker-compose.yml", "docker-compose.bucket.yml", "store.yml")
HOLDERS = ("input_service", "data_storage_service")
# As docs/operations.md has it.
ENV = f"""
FACEPIPE_FILES_URL=s3://{BUCKET}/{PREFIX}
FACEPIPE_FILES_ENDPOINT=https://store:9000
FACEPIPE_FILES_KEY_ID={KEY_ID}
FACEPIPE_FILES_KEY_SECRET_FILE=/secrets/files-key
FACEPIPE_FILES_CA=/secrets/files-ca.crt
"""
# A store beyond the network of the stack, with an authority of its own.
STORE = """
services:
  store:
    image: {image}
    init: true
    command: [{bucket}, --cert, /tls/tls.crt, --key, /tls/tls.key]
    networks: [public]
    ports: ["127.0.0.1:{port}:9000"]
    volumes: ["store:/data", "./store:/tls:ro"]
volumes:
  store: {{}}
"""


@dataclass(frozen=True)
class Bucketed:
    """A stack whose files are in a bucket, and the store."""

    stack: ComposeStack
    store: S3Server

    def names(self, image_id: str) -> list[str]:
        """The objects of an image, without the prefix."""
        return [name.removeprefix(f"{PREFIX}/") for name in self.store.names() if image_id in name]

    def status(self, path: str) -> tuple[int, str]:
        """Status and code of a refused GET."""
        answer = httpx.get(f"http://{HERE}:{self.stack.input_port}{path}", timeout=60)
        return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def bucketed(stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketed]:
    """A project of its own, of the images that are built already; the usual one rests."""
    stack.docker(
        "build", "--quiet", "--tag", IMAGE, str(Path(__file__).parent / "s3"), timeout_s=600
    )
    stack.compose("stop")
    prepared = ComposeStack.prepare(tmp_path_factory.mktemp("bucket"))
    authority = Authority.of(prepared.folder / "authority")
    store = S3Server(free_port(), prepared.folder / "authority" / CA)
    (prepared.folder / ".env").write_text(ENV)
    (prepared.folder / "store.yml").write_text(
        STORE.format(image=IMAGE, bucket=BUCKET, port=store.port)
    )
    (prepared.folder / "store").mkdir()
    for name, text in zip((CERT, KEY), authority.issue("store", ["store", HERE]), strict=True):
        (prepared.folder / "store" / name).write_text(text)
    for holder in HOLDERS:
        secrets = prepared.volumes / "secrets" / holder
        secrets.mkdir(parents=True)
        (secrets / "files-key").write_text(f"{KEY_SECRET}\n")
        (secrets / "files-key").chmod(0o600)
        (secrets / "files-ca.crt").write_text(authority.pem)
    project = replace(prepared, project=f"{stack.project}-bucket", files=FILES)
    try:
        project.compose("up", "--detach", "--wait", timeout_s=300)
        yield Bucketed(project, store)
    finally:
        print(project.compose("ps", "--all", check=False))
        print(project.compose("logs", "--tail", "15", "--no-color", check=False)[-12000:])
        project.compose("down", "--volumes", "--timeout", "5", check=False)
        stack.compose("up", "--detach", "--wait")


def test_an_image_is_in_the_bucket_alone_until_it_is_deleted(
    bucketed: Bucketed, portraits: list[Path]
) -> None:
    # When a portrait is analysed
    api, data = bucketed.stack.api, portraits[0].read_bytes()
    (image_id,) = upload_all(api, [data])
    assert api.wait(image_id).status == "stored"

    # Then it is told as ever
    assert api.result(image_id).num_faces == 1
    assert api.file(image_id, "source") == data
    assert api.annotated(image_id).startswith(b"\xff\xd8")
    assert api.thumbnail(image_id)

    # And lies in the bucket under the documented names, and nowhere else
    documented = [f"{image_id}.jpg", f"{image_id}.json", f"source/{image_id}"]
    expected = [f"saved_data/{name}" for name in documented]
    wait_until(lambda: bucketed.names(image_id) == expected)
    assert not list(bucketed.stack.volumes.rglob(f"*{image_id}*"))

    # And is erased with all that
    api.delete(image_id)
    wait_until(lambda: bucketed.names(image_id) == [])
    assert bucketed.status(f"/v1/images/{image_id}/annotated") == (410, "deleted")


def test_a_stack_that_was_stopped_has_its_files_when_it_is_back(
    bucketed: Bucketed, portraits: list[Path]
) -> None:
    api, data = bucketed.stack.api, portraits[1].read_bytes()
    (image_id,) = upload_all(api, [data])
    assert api.wait(image_id).status == "stored"

    bucketed.stack.compose("stop")
    bucketed.stack.compose("up", "--detach", "--wait")

    assert api.result(image_id).num_faces == 1
    assert api.annotated(image_id).startswith(b"\xff\xd8")
    assert api.file(image_id, "source") == data


def test_while_the_store_is_stopped_it_is_said_and_nothing_is_lost(
    bucketed: Bucketed, portraits: list[Path]
) -> None:
    # Given an image with a result, and one that waits
    stack, api = bucketed.stack, bucketed.stack.api
    (stored,) = upload_all(api, [portraits[2].read_bytes()])
    assert api.wait(stored).status == "stored"
    stack.compose("stop", "landmark_service")
    (waiting,) = upload_all(api, [portraits[3].read_bytes()])
    assert bucketed.names(waiting) == [f"inbox/{waiting}", f"inbox/{waiting}.json"]

    # When the store is stopped while the work goes on
    stack.compose("stop", "store")
    stack.compose("start", "landmark_service")
    try:
        # Then uploads and downloads are refused for that reason
        url = f"http://{HERE}:{stack.input_port}/v1/images"
        sent = {"files": portraits[4].read_bytes()}
        refused = httpx.post(url, files=sent, timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (503, "files_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        path = f"/v1/images/{stored}/annotated"
        assert bucketed.status(path) == (503, "files_unavailable")
        # And those who use the store are not well
        for service in HOLDERS:
            assert "files_unavailable" in stack.wait_unhealthy(service)
    finally:
        stack.compose("start", "store")

    # And when it is back, all goes on
    for service in HOLDERS:
        stack.wait_healthy(service)
    assert api.wait(waiting).status == "stored"
    assert api.annotated(stored).startswith(b"\xff\xd8")
    (accepted,) = upload_all(api, [portraits[4].read_bytes()])
    assert api.wait(accepted).status == "stored"
    assert api.stats().failed == 0
