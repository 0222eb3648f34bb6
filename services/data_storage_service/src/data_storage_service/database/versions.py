"""Brings a ledger up to date, by the steps in `migrations/versions/`, which alembic takes.

The number of the latest step stands in the ledger: for SQLite as `user_version`, which programs
before alembic read as well, else in alembic's table. The columns of faces follow from the fields
that are declared now, its indexes as well, and have no steps.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateColumn

from data_storage_service.schema import FACES, CounterRow
from facepipe.domain.errors import LedgerTooNewError

SCHEMA_VERSION = 2
VERSION_TABLE = "ledger_version"
_STEPS = Path(__file__).parent / "migrations"


def bring_up_to_date(connection: Connection, name: str) -> None:
    """Makes what is missing, in the transaction of the connection.

    Raises:
        LedgerTooNewError: a newer version of the program wrote it; nothing was changed.
    """
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise LedgerTooNewError(
            f"{name} was written by a newer version of the program (schema {version}, this one "
            f"knows {SCHEMA_VERSION}): update the program, or restore an older copy"
        )
    if version < SCHEMA_VERSION:
        _take_steps(connection)
    _follow_the_fields(connection)
    counter = insert(CounterRow).values(name="revision", value=0)
    connection.execute(counter.on_conflict_do_nothing())


def _version(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if connection.scalar(text(f"SELECT to_regclass('{VERSION_TABLE}')")) is None:
        return 0
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  # a name of ours
    return int(found or 0)


def _take_steps(connection: Connection) -> None:
    # Takes long to import, and is needed once in the life of a ledger.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _follow_the_fields(connection: Connection) -> None:
    FACES.create(connection, checkfirst=True)
    known = {column["name"] for column in inspect(connection).get_columns(FACES.name)}
    for column in FACES.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {FACES.name} ADD COLUMN {definition}")
    declared = {index.name for index in FACES.indexes}
    for found in inspect(connection).get_indexes(FACES.name):
        if found["name"] not in declared:
            connection.exec_driver_sql(f"DROP INDEX {found['name']}")
    for index in FACES.indexes:
        index.create(connection, checkfirst=True)
