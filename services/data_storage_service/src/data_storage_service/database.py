"""How the ledger's SQLite file is opened and brought up to date, and what its errors mean.

Two processes write (the gRPC server and the storage worker), so every write transaction takes
SQLite's write lock at its beginning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.errors import DiskFull
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    exc,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateColumn

from data_storage_service.schema import Base, CounterRow
from facepipe.domain.errors import (
    LedgerDamagedError,
    LedgerTooNewError,
    ServiceUnavailableError,
    StorageFullError,
)
from facepipe.files.store.folder import make_folder

SCHEMA_VERSION = 1
# Of the advisory lock that the writers of a PostgreSQL take turns by.
_TURN = 0x_FACE_9199
BUSY_TIMEOUT_MS = 5000
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns what the database says into our own errors, all worth trying again."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        if "disk is full" in str(error) or _sqlstate(error) == DiskFull.sqlstate:
            raise StorageFullError("no room for the ledger; make room on the volume") from error
        if is_damage(error):
            raise _damaged(error) from error
        reason = error.orig if isinstance(error, exc.DBAPIError) else error
        raise ServiceUnavailableError(f"the ledger cannot be used now: {reason}") from error


def _sqlstate(error: exc.SQLAlchemyError) -> str:
    """What PostgreSQL calls an error; "" of any other."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_damage(error: exc.SQLAlchemyError) -> bool:
    """Whether SQLite says that its file is broken, or no database."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return (code & 0xFF) in _DAMAGE  # the rest of an extended code says where it was noticed


def _damaged(error: exc.SQLAlchemyError) -> LedgerDamagedError:
    reason = getattr(error, "orig", error)
    return LedgerDamagedError(
        f"the ledger cannot be read ({reason}); `make reindex` builds it anew from the results "
        "and moves this one aside"
    )


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
            connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.exec_driver_sql(f"BEGIN {mode or 'DEFERRED'}")

    try:
        with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            _upgrade(connection, path)
            connection.execute(
                text("INSERT OR IGNORE INTO counters (name, value) VALUES ('revision', 0)")
            )
    except BaseException as error:
        engine.dispose()
        if isinstance(error, exc.SQLAlchemyError) and is_damage(error):
            raise _damaged(error) from error
        raise
    return engine


def open_server(url: str) -> Engine:
    """Opens a ledger on PostgreSQL, and makes it where there is none.

    Writers take turns by an advisory lock, as they do by SQLite's write lock; readers see one state
    of the ledger in each transaction. A commit is waited for where `sqlite_synchronous` is FULL.
    """
    engine = create_engine(url, pool_size=8, max_overflow=64, pool_pre_ping=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("sqlite_begin"):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return
        is_synced = options.get("sqlite_synchronous") == "FULL"
        connection.exec_driver_sql(f"SET LOCAL synchronous_commit = {'on' if is_synced else 'off'}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")

    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        # As SQLite has it: the order of file names.
        connection.exec_driver_sql(
            'CREATE COLLATION IF NOT EXISTS "NOCASE" '
            "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
        Base.metadata.create_all(connection)
        counter = insert(CounterRow).values(name="revision", value=0)
        connection.execute(counter.on_conflict_do_nothing())
    return engine


def _upgrade(connection: Connection, path: Path) -> None:
    """Makes what is missing. What an older version leaves in flight starts over.

    Raises:
        LedgerTooNewError: a newer version of the program wrote it; nothing was changed.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > SCHEMA_VERSION:
        raise LedgerTooNewError(
            f"{path} was written by a newer version of the program (schema {version}, this one "
            f"knows {SCHEMA_VERSION}): update the program, or restore an older copy"
        )
    Base.metadata.create_all(connection)
    inspector = inspect(connection)
    for table in Base.metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    connection.exec_driver_sql("DROP TABLE IF EXISTS parts")  # of version 0
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
