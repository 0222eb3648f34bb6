"""The ledger's database: SQLite's file beside the results, or a PostgreSQL named by its URL."""

from __future__ import annotations

import logging

from sqlalchemy import Engine

from data_storage_service.database.address import server_url
from data_storage_service.database.errors import database_errors, is_damage
from data_storage_service.database.postgresql import open_server
from data_storage_service.database.sqlite import open_index
from data_storage_service.database.versions import SCHEMA_VERSION
from data_storage_service.settings import DataStorageSettings
from facepipe.domain.errors import ServiceUnavailableError

__all__ = [
    "SCHEMA_VERSION",
    "database_errors",
    "is_damage",
    "is_shared",
    "open_index",
    "open_ledger",
    "open_server",
]

_log = logging.getLogger(__name__)


def open_ledger(settings: DataStorageSettings) -> Engine:
    """Opens the ledger that the settings name, and brings it up to date.

    A server that does not answer is waited for: whoever uses the ledger is told
    `ServiceUnavailableError` until it does.

    Raises:
        MisconfiguredError: the address is none.
        LedgerDamagedError, LedgerTooNewError: the ledger cannot be used, and is as it was.
    """
    url = server_url(settings.storage, settings.tls)
    if url is None:
        return open_index(settings.index_path)
    engine = open_server(url)
    try:
        with database_errors(), engine.connect():
            pass
    except ServiceUnavailableError as error:
        _log.warning("the ledger is waited for: %s", error)
    return engine


def is_shared(engine: Engine) -> bool:
    """Whether several data_storage_services may work on it."""
    return engine.dialect.name != "sqlite"
