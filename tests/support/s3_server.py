"""Two S3 servers for tests: moto's (Python) and s3rver (Node), each with a bucket."""

from __future__ import annotations

import os
import shutil
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
    """A server that runs."""

    port: int
    files: FilesSettings = field(init=False)

    def __post_init__(self) -> None:
        self.files = self.reached_at(f"http://127.0.0.1:{self.port}")

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
            client_options={"allow_http": True},
        )
        return sorted(meta["path"] for found in store.list() for meta in found)


@contextmanager
def running_s3(kind: str, folder: Path) -> Iterator[S3Server]:
    """A server of a kind, with an empty bucket; skips the test where there is none."""
    server = S3Server(free_port())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output").open("w") as output:
        command = _command(kind, server.port, folder)
        process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=output, stderr=output)
    try:
        _await_answer(process, server.port, folder / "output")
        if kind == "moto":  # it keeps nothing between two starts, and makes a bucket for anybody
            httpx.put(f"http://127.0.0.1:{server.port}/{BUCKET}").raise_for_status()
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)


def _command(kind: str, port: int, folder: Path) -> list[str]:
    if kind == "moto":
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    program = shutil.which("s3rver")
    if program is None:
        missing("s3rver is not on PATH: npm install --global s3rver@3.7.1")
    place = ["--directory", str(folder / "data"), "--address", "127.0.0.1", "--port", str(port)]
    return [program, *place, "--configure-bucket", BUCKET]


def _await_answer(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    for _ in range(300):
        with suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/")
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"the S3 server did not start:\n{output.read_text()}")
