"""A real PostgreSQL for tests, on a socket of its own, and on a network where one is wanted."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from facepipe.system.tls import TlsSettings
from tests.support.missing import missing
from tests.support.redis_server import free_port

START_TIMEOUT_S = 60.0
_USER = "facepipe"


class PostgresServer:
    """A server that makes databases.

    Args:
        programs: the folder with those of PostgreSQL.
        folder: for its socket and its files.
        address: on which it listens, where it has certificates.
        prefix: what stands before its commands, to have them run on another host.
    """

    def __init__(
        self,
        programs: Path,
        folder: Path,
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._address = address
        self._prefix = prefix
        self._numbers = count()
        self.port = free_port()

    def new_database(self) -> str:
        """The URL of an empty one, whose texts are in the order of their bytes."""
        name = self._create()
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}&port={self.port}"

    def new_database_for(self, network: str) -> str:
        """The URL of an empty one for a user of a network, who needs TLS and a password."""
        password = secrets.token_hex()
        self._run("psql", "-c", f"CREATE ROLE {_USER} LOGIN PASSWORD '{password}'")
        name = self._create(f"--owner={_USER}")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write(f"hostssl {name} {_USER} {network} scram-sha-256\n")
        self._run("pg_ctl", "-D", str(self._data), "reload")
        return f"postgresql://{_USER}:{password}@{self._address}:{self.port}/{name}"

    def make(self) -> None:
        data = str(self._data)
        self._run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", data)

    def start(self, tls: TlsSettings | None = None) -> None:
        """Listens on its socket; with certificates on its address as well."""
        data = str(self._data)
        options = f"-k {self._folder} -p {self.port} -c fsync=off -c max_connections=400 "
        options += self._encrypted(tls) if tls else "-c listen_addresses="
        log = str(self._folder / "log")
        timeout = f"{START_TIMEOUT_S:g}"
        self._run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", timeout, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _create(self, *options: str) -> str:
        name = f"ledger_{next(self._numbers)}"
        self._run("createdb", "--template=template0", "--locale=C", *options, name)
        return name

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
        return f"-c listen_addresses={self._address} -c ssl=on {files}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.getuid() == 0:  # which PostgreSQL refuses to be
            command = ["runuser", "-u", "postgres", "--", *command]
        place = {"PGHOST": str(self._folder), "PGPORT": str(self.port), "PGUSER": "postgres"}
        done = subprocess.run(
            [*self._prefix, *command],
            env=os.environ | place,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


@contextmanager
def running_postgres(
    address: str = "127.0.0.1", prefix: Sequence[str] = (), tls: TlsSettings | None = None
) -> Iterator[PostgresServer]:
    """Starts a server; skips the test where there is none to start, but not in CI."""
    programs = _programs()
    if programs is None:
        missing("no PostgreSQL (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="facepipe-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        server = PostgresServer(programs, folder, address, prefix)
        server.make()
        server.start(tls)
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
