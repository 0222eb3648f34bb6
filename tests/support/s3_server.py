"""Two S3 servers for tests: moto's (Python) and s3rver (Node), each with a bucket."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from obstore.store import S3Store

from facepipe.system.files_settings import FilesSettings
from tests.support.missing import missing
from tests.support.redis_server import free_port

BUCKET = "photographs"
SERVERS = ("moto", "s3rver")
# s3rver's own, of which it checks the id; moto takes any.
KEY_ID, KEY_SECRET = "S3RVER", "S3RVER"
# s3rver makes its marks of pages with a cipher that OpenSSL 3 keeps for such.
_ENVIRONMENT = os.environ | {"NODE_OPTIONS": "--openssl-legacy-provider"}


@dataclass
class S3Server:
    """A server that runs; with an authority, one that speaks TLS."""

    port: int
    ca: Path | None = None
    files: FilesSettings = field(init=False)

    def __post_init__(self) -> None:
        scheme = "https" if self.ca else "http"
        self.files = self.reached_at(f"{scheme}://127.0.0.1:{self.port}", ca=self.ca)

    def reached_at(self, endpoint: str, **changes: object) -> FilesSettings:
        given = {
            "url": f"s3://{BUCKET}/some/where",
            "endpoint": endpoint,
            "key_id": KEY_ID,
            "key_secret": KEY_SECRET,
            "timeout_s": 5,
        }
        return FilesSettings.model_validate(given | changes)

    @property
    def variables(self) -> Mapping[str, str]:
        """For the environment of a stack."""
        return {
            "FACEPIPE_FILES_URL": self.files.url,
            "FACEPIPE_FILES_ENDPOINT": self.files.endpoint,
            "FACEPIPE_FILES_KEY_ID": KEY_ID,
            "FACEPIPE_FILES_KEY_SECRET": KEY_SECRET,
        }

    def names(self) -> list[str]:
        """Everything in the bucket, whatever the prefix."""
        store = S3Store(
            BUCKET,
            config={
                "region": "us-east-1",
                "endpoint": self.files.endpoint,
                "access_key_id": KEY_ID,
                "secret_access_key": KEY_SECRET,
            },
            client_options=(
                {"root_certificate": self.ca.read_bytes()} if self.ca else {"allow_http": True}
            ),
        )
        return sorted(meta["path"] for found in store.list() for meta in found)


@contextmanager
def running_s3(kind: str, folder: Path) -> Iterator[S3Server]:
    """A server of a kind, with an empty bucket; skips the test where there is none."""
    server = S3Server(free_port())
    address = "127.0.0.1"
    if kind == "moto":
        command = [sys.executable, "-m", "moto.server", "-H", address, "-p", str(server.port)]
    else:
        command = s3rver(folder / "data", address, server.port)
    folder.mkdir(parents=True, exist_ok=True)
    with running(command, server.files.endpoint, folder / "output"):
        if kind == "moto":  # it keeps nothing between two starts, and makes a bucket for anybody
            httpx.put(f"{server.files.endpoint}/{BUCKET}").raise_for_status()
        yield server


def s3rver(folder: Path, address: str, port: int) -> list[str]:
    """The command that runs s3rver with a bucket; skips the test where there is none."""
    program = shutil.which("s3rver")
    if program is None:
        missing("s3rver is not on PATH: npm install --global s3rver@3.7.1")
    place = ["--directory", str(folder), "--address", address, "--port", str(port)]
    return [program, *place, "--configure-bucket", BUCKET]


@contextmanager
def running(
    command: list[str], endpoint: str, output: Path, trust: ssl.SSLContext | bool = True
) -> Iterator[None]:
    """A server that answers; ended afterwards."""
    with output.open("w") as file:
        process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=file, stderr=file)
    try:
        _await_answer(process, endpoint, output, trust)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _await_answer(
    process: subprocess.Popen[bytes], endpoint: str, output: Path, trust: ssl.SSLContext | bool
) -> None:
    for _ in range(300):
        with suppress(httpx.HTTPError):
            httpx.get(endpoint, verify=trust)
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"the S3 server did not start:\n{output.read_text()}")
