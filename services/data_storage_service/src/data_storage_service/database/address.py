"""Which PostgreSQL holds the ledger, by `FACEPIPE_STORAGE_DATABASE_URL`.

No message shows a password.
"""

from __future__ import annotations

from sqlalchemy import URL, exc, make_url

from data_storage_service.settings import StorageSettings
from facepipe.domain.errors import MisconfiguredError, UnencryptedError
from facepipe.system.secret_file import read_secret
from facepipe.system.tls import TlsSettings, is_loopback

_NAME = "FACEPIPE_STORAGE_DATABASE_URL"
_DRIVER = "postgresql+psycopg"
_CHECKED = ("verify-full", "verify-ca")


def server_url(storage: StorageSettings, tls: TlsSettings) -> URL | None:
    """The address, by which the server is checked where an authority is set; None: there is none.

    Raises:
        MisconfiguredError: it is no address of a PostgreSQL, or its file cannot be read.
        UnencryptedError: it leads to another machine in plain, although there is an authority.
    """
    text = storage.database_url or read_secret(_NAME, storage.database_url_file)
    if not text:
        return None
    url = _parsed(text)
    hosts = _hosts(url)
    if tls.ca is None or all(host.startswith("/") or is_loopback(host) for host in hosts):
        return url
    mode = url.query.get("sslmode", _CHECKED[0])
    if mode not in _CHECKED:
        raise UnencryptedError(
            f"FACEPIPE_TLS_CA is set and {_NAME} has sslmode={mode}, which does not check the "
            "server of another machine: leave it out, or write sslmode=verify-full"
        )
    trust = {"sslmode": mode, "sslrootcert": url.query.get("sslrootcert", str(tls.ca))}
    return url.update_query_dict(trust)


def shown(url: URL) -> str:
    """The address without login and options, for people to read."""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{','.join(_hosts(url))}{port}/{url.database or ''}"


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        url = None  # what they say may hold a piece of the password
    if url is None or "@" in f"{url.host}{url.database}":
        raise MisconfiguredError(
            f"{_NAME} is no address: write postgresql://user:PASSWORD@host/database, with the "
            "password percent-encoded"
        )
    if url.drivername not in ("postgresql", _DRIVER):
        raise MisconfiguredError(
            f"{_NAME} begins with {url.drivername}://: the ledger is kept by postgresql:// or, "
            "where nothing is set, by SQLite"
        )
    return url.set(drivername=_DRIVER)


def _hosts(url: URL) -> list[str]:
    """Those that are named; none is a socket of this machine."""
    named = url.query.get("host", ())
    several = [named] if isinstance(named, str) else list(named)
    parts = [part for one in several for part in one.split(",")]
    return [host.partition(":")[0] if not host.startswith("/") else host for host in parts] or (
        [url.host] if url.host else []
    )
