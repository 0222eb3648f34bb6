"""A stack on five hosts: for Redis and the services, for the stages (three), and for the stores.

The last one has a PostgreSQL with the ledger, and an S3 server with the files.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
from obstore.store import S3Store

from facepipe.make_secrets import ACCESS_TOKEN, REDIS_PASSWORD
from facepipe.queue.redis_acl import WATCHER, WORKER
from facepipe.system.tls import TlsSettings, trusting
from facepipe_client import Client
from tests.support.halting import halted
from tests.support.hosts import NETWORK, Host, switched_hosts
from tests.support.postgres_server import running_postgres
from tests.support.s3_server import BUCKET, KEY_ID, KEY_SECRET, running, s3rver
from tests.support.shifted_clock import ShiftedClock
from tools.stack.certificates import CA, CERT, KEY, Authority, make_certificates
from tools.stack.processes import command_of
from tools.stack_driver.local_stack import LocalStack, kill

STAGES = ("landmark_service", "agegender_service")
PREFIX = "facepipe"
_STORE_PORT = 9000
_MINUTES_APART = (10, 0, -10)


@dataclass(frozen=True)
class Machines:
    """What runs, and where.

    Attributes:
        first: the stack without its stages.
        workers: the worker hosts, in the order of the hosts after the first.
        hosts: all of them; the last one has the ledger and the files.
        ledger: the URL of the database, with its password.
    """

    first: LocalStack
    workers: tuple[LocalStack, ...]
    hosts: tuple[Host, ...]
    folder: Path
    ledger: str

    @cached_property
    def api(self) -> Client:
        """The input API, from outside; no connection stays open."""
        limits = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.HTTPTransport(verify=self.trust, limits=limits)
        address = f"https://{self.hosts[0].address}:{self.first.port('INPUT')}"
        return Client(address, timeout_s=60, transport=transport)

    @property
    def trust(self) -> ssl.SSLContext | bool:
        return trusting(self._ca)

    def files(self) -> list[str]:
        """Everything in the bucket, without its prefix."""
        store = S3Store(
            BUCKET,
            config={
                "region": "us-east-1",
                "endpoint": _endpoint(self.hosts[-1]),
                "access_key_id": KEY_ID,
                "secret_access_key": KEY_SECRET,
            },
            client_options={"root_certificate": self._ca.read_bytes()},
        )
        listed = (meta["path"] for found in store.list() for meta in found)
        return sorted(name.removeprefix(f"{PREFIX}/") for name in listed)

    def in_ledger(self) -> int:
        """How many images the database has."""
        return int(self._asked("SELECT count(*) FROM images")[0][0])

    def ledger_callers(self) -> set[tuple[str, bool]]:
        """The addresses that the database is used from, and whether over TLS."""
        found = self._asked(
            "SELECT DISTINCT host(client_addr), ssl FROM pg_stat_activity "
            "JOIN pg_stat_ssl USING (pid) "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return {(str(address), bool(is_encrypted)) for address, is_encrypted in found}

    def _asked(self, query: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            self.ledger, sslmode="verify-full", sslrootcert=str(self._ca)
        ) as connection:
            return connection.execute(query).fetchall()

    @property
    def _ca(self) -> Path:
        return self.first.vault.path(WATCHER, CA)


@contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """Starts everything; the clocks of the worker hosts are ten minutes apart."""
    with ExitStack() as opened:
        hosts = opened.enter_context(switched_hosts(5))
        first = LocalStack.prepare(folder / "first")
        first = LocalStack(first.folder, first.environment, hosts[0].prefix)
        make_certificates(folder / "authority", first.vault.folder, [hosts[0].address])
        opened.enter_context(_store(hosts[-1], folder))
        ledger = opened.enter_context(_ledger(hosts[-1], folder))
        address = folder / "ledger-url"
        address.write_text(f"{ledger}\n")
        first.environment.update(_of_first(first, hosts[0], hosts[-1]))
        first.environment["FACEPIPE_STORAGE_DATABASE_URL_FILE"] = str(address)
        joining = zip(hosts[1:4], _MINUTES_APART, strict=True)
        workers = tuple(_worker(first, hosts[0], host, minutes) for host, minutes in joining)
        opened.callback(_stop, (*workers, first))
        first.verb("start")
        opened.enter_context(halted(first, STAGES))
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(lambda worker: worker.verb("worker"), workers))
        yield Machines(first, workers, tuple(hosts), folder, ledger)


def lose_power(stack: LocalStack) -> None:
    """All processes of a host end at once."""
    processes = stack.processes()
    supervisors = [one for one in processes if "supervisord" in " ".join(command_of(one))]
    for process in (*supervisors, *processes):
        with suppress(ProcessLookupError):
            kill(process)


def _of_first(first: LocalStack, host: Host, store: Host) -> dict[str, str]:
    tls = {"CA": CA, "CERT": CERT, "KEY": KEY}
    return {
        **{f"FACEPIPE_TLS_{n}": str(first.vault.path(WATCHER, file)) for n, file in tls.items()},
        "FACEPIPE_HOST": host.address,
        "FACEPIPE_BIND": host.address,
        "FACEPIPE_ACCESS_OPEN": "true",
        "FACEPIPE_FILES_URL": f"s3://{BUCKET}/{PREFIX}",
        "FACEPIPE_FILES_ENDPOINT": _endpoint(store),
        "FACEPIPE_FILES_KEY_ID": KEY_ID,
        "FACEPIPE_FILES_KEY_SECRET": KEY_SECRET,
    }


def _worker(first: LocalStack, at: Host, host: Host, minutes: int) -> LocalStack:
    prepared = LocalStack.prepare(first.folder.parent / host.address)
    (prepared.folder).mkdir(parents=True)
    clock = ShiftedClock(prepared.folder)
    clock.set(minutes * 60)
    prepared.environment.update(
        {
            **clock.environment,
            "FACEPIPE_STAGE_HOST": host.address,
            "FACEPIPE_STAGE_WORKERS": "1",
            "FACEPIPE_REDIS_URL": f"rediss://worker@{at.address}:{first.port('REDIS')}/0",
            "FACEPIPE_REDIS_PASSWORD_FILE": str(first.vault.path(WORKER, REDIS_PASSWORD)),
            "FACEPIPE_ADDRESS_STORE_GRPC": f"{at.address}:{first.port('STORE_GRPC')}",
            "FACEPIPE_ADDRESS_INPUT": f"https://{at.address}:{first.port('INPUT')}",
            "FACEPIPE_ADDRESS_OTLP": f"{at.address}:{first.port('OTLP')}",
            "FACEPIPE_ACCESS_TOKEN_FILE": str(first.vault.path(WORKER, ACCESS_TOKEN)),
            "FACEPIPE_TLS_CA": str(first.vault.path(WORKER, CA)),
        }
    )
    return LocalStack(prepared.folder, prepared.environment, host.prefix)


def _endpoint(store: Host) -> str:
    return f"https://{store.address}:{_STORE_PORT}"


@contextmanager
def _store(host: Host, folder: Path) -> Iterator[None]:
    """An S3 server that speaks TLS, with a bucket."""
    cert, key = _issued("store", host, folder).files
    tls = ["--cert", str(cert), "--key", str(key)]
    command = [*host.prefix, *s3rver(folder / "store", host.address, _STORE_PORT), *tls]
    trust = trusting(folder / "authority" / CA)
    with running(command, _endpoint(host), folder / "store.log", trust):
        yield


@contextmanager
def _ledger(host: Host, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a PostgreSQL that speaks TLS."""
    tls = _issued("postgres", host, folder)
    with running_postgres(host.address, host.prefix, tls) as server:
        yield server.new_database_for(f"{NETWORK}.0/24")


def _issued(name: str, host: Host, folder: Path) -> TlsSettings:
    """A certificate of the authority, good for the address of a host."""
    tls = TlsSettings(cert=folder / f"{name}.crt", key=folder / f"{name}.key")
    issued = Authority.of(folder / "authority").issue(name, [host.address])
    for file, text in zip(tls.files, issued, strict=True):
        file.write_text(text)
    return tls


def _stop(stacks: Sequence[LocalStack]) -> None:
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(lambda stack: stack.verb("stop", check=False), stacks))
