"""A real PostgreSQL for tests, on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from facepipe.system.tls import TlsSettings
from tests.support.missing import missing
from tests.support.redis_server import free_port

START_TIMEOUT_S = 60.0


class PostgresServer:
    """A server that makes databases."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._numbers = count()
        self.port = free_port()

    def new_database(self) -> str:
        """The URL of an empty one, whose texts are in the order of their bytes."""
        name = f"ledger_{next(self._numbers)}"
        self._run("createdb", "--template=template0", "--locale=C", name)
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def make(self) -> None:
        data = str(self._folder / "data")
        self._run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", data)

    def start(self, tls: TlsSettings | None = None) -> None:
        """Listens on its socket; with certificates on a port of its own as well."""
        data = str(self._folder / "data")
        options = f"-k {self._folder} -c fsync=off -c max_connections=400 "
        options += self._encrypted(tls) if tls else "-c listen_addresses="
        log = str(self._folder / "log")
        timeout = f"{START_TIMEOUT_S:g}"
        self._run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", timeout, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def _encrypted(self, tls: TlsSettings) -> str:
        for name, file in zip(("server.crt", "server.key"), tls.files, strict=True):
            own = self._folder / name
            shutil.copyfile(file, own)
            own.chmod(0o600)
            if os.getuid() == 0:
                shutil.chown(own, "postgres")
        files = (
            f"-c ssl_cert_file={self._folder}/server.crt -c ssl_key_file={self._folder}/server.key"
        )
        return f"-c listen_addresses=127.0.0.1 -p {self.port} -c ssl=on {files}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.getuid() == 0:  # which PostgreSQL refuses to be
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(
            command,
            env=os.environ | {"PGHOST": str(self._folder), "PGUSER": "postgres"},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Starts a server; skips the test where there is none to start, but not in CI."""
    programs = _programs()
    if programs is None:
        missing("no PostgreSQL (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="facepipe-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        server = PostgresServer(programs, folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            with suppress(AssertionError):  # a test may have stopped it
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The newest of the system."""
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if of_debian:
        return of_debian[-1]
    on_path = shutil.which("createdb")
    return Path(on_path).parent if on_path else None
