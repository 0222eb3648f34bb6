"""The ledger as SQLite's file: how it is opened, and when it is synced.

Two processes write (the gRPC server and the storage worker), so every write transaction takes
SQLite's write lock at its beginning.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from data_storage_service.bell import ring
from data_storage_service.database.errors import damaged, is_damage
from data_storage_service.database.versions import bring_up_to_date
from facepipe.files.store.folder import make_folder

BUSY_TIMEOUT_MS = 5000


def open_index(path: Path) -> Engine:
    """Opens the ledger, makes it where there is none, and adds what an older one lacks.

    Transactions are synced where the option `sqlite_synchronous` is FULL. The others a power
    cut may take back, from the last one on: docs/adr/0013 says which may go.

    Raises:
        LedgerDamagedError: it cannot be read; nothing was changed.
        LedgerTooNewError: a newer version of the program wrote it; nothing was changed.
    """
    make_folder(path.parent)
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        pool_size=8,
        max_overflow=64,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin where we say, in `begin`
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is deleted is overwritten
        ):
            connection.execute(f"PRAGMA {pragma}")
        record.info["inode"] = path.stat().st_ino

    @event.listens_for(engine, "checkout")
    def reopen_if_replaced(
        _connection: object, record: ConnectionPoolEntry, _proxy: object
    ) -> None:
        """`reindex` puts a new file in place of an unreadable one."""
        try:
            is_same = record.info["inode"] == path.stat().st_ino
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise exc.DisconnectionError("the index file was replaced")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if mode := options.get("sqlite_begin"):  # of those who write
            synchronous = options.get("sqlite_synchronous", "NORMAL")
            if connection.info.get("synchronous") != synchronous:
                connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
                connection.info["synchronous"] = synchronous
        connection.exec_driver_sql(f"BEGIN {mode or 'DEFERRED'}")

    @event.listens_for(engine, "commit")
    def note_writing(connection: Connection) -> None:
        if connection.get_execution_options().get("sqlite_begin"):
            connection.info["has_written"] = True

    @event.listens_for(engine, "checkin")
    def tell(_connection: object, record: ConnectionPoolEntry) -> None:
        """After the commit itself, which SQLAlchemy has no event for."""
        if record.info.pop("has_written", False):
            ring(path)

    try:
        with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            bring_up_to_date(connection, str(path))
    except BaseException as error:
        engine.dispose()
        if isinstance(error, exc.SQLAlchemyError) and is_damage(error):
            raise damaged(error) from error
        raise
    return engine
