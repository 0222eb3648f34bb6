"""Carries an SQLite ledger over to PostgreSQL: `python -m data_storage_service.migrate_ledger`.

All tables go over in one transaction: when it fails, nothing is there, and it is called again. The
file stays as it is. While it runs, no data_storage_service may work on either of the two.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Table, delete, exc, func, select

from data_storage_service.database import database_errors, open_index, open_server
from data_storage_service.database.address import server_url, shown
from data_storage_service.leading import SWEEPER, ServerTurn
from data_storage_service.ledger_lock import holding
from data_storage_service.schema import Base, CounterRow, ImageRow
from data_storage_service.settings import DataStorageSettings
from facepipe.domain.errors import FacepipeError, LedgerInUseError, MisconfiguredError

_AT_ONCE = 2000
_COUNTERS = Base.metadata.tables[CounterRow.__tablename__]

_log = logging.getLogger(__name__)


class LedgerNotEmptyError(MisconfiguredError):
    """There is a ledger already where one should go; nothing was changed."""


def migrate(source: Engine, target: Engine) -> Mapping[str, int]:
    """Carries everything over; returns how many rows each table has now.

    Raises:
        LedgerInUseError: a data_storage_service works on the target.
        LedgerNotEmptyError: the target knows images already.
        ServiceUnavailableError: one of the two cannot be used now; nothing was changed.
    """
    writing = target.execution_options(sqlite_begin="IMMEDIATE", sqlite_synchronous="FULL")
    with (
        _alone(target),
        database_errors(),
        source.begin() as reading,
        writing.begin() as into,
    ):
        if into.scalar(select(func.count()).select_from(ImageRow)):
            raise LedgerNotEmptyError(
                f"{shown(target.url)} holds a ledger already: name an empty database"
            )
        into.execute(delete(_COUNTERS))
        return {table.name: _carry(table, reading, into) for table in Base.metadata.sorted_tables}


def _carry(table: Table, reading: Connection, into: Connection) -> int:
    found = reading.execution_options(yield_per=_AT_ONCE).execute(select(table))
    for rows in found.mappings().partitions(_AT_ONCE):
        into.execute(table.insert(), [dict(row) for row in rows])
    count = select(func.count()).select_from(table)
    there, here = reading.scalar(count), into.scalar(count)
    if there != here or here is None:
        raise AssertionError(f"{table.name}: {there} rows there, {here} here")
    return here


@contextmanager
def _alone(target: Engine) -> Iterator[None]:
    turn = ServerTurn(target, SWEEPER)
    with database_errors(), target.connect():  # tells what is wrong, where it does not answer
        pass
    try:
        if not turn.hold():
            raise LedgerInUseError(
                f"a data_storage_service works on {shown(target.url)}: stop it first"
            )
        yield
    finally:
        turn.give_up()


def main() -> int:
    parser = argparse.ArgumentParser(prog="migrate-ledger", description=__doc__.partition("\n")[0])
    parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = DataStorageSettings()
    try:
        counts = _migrate(settings)
    except (exc.DBAPIError, FacepipeError, OSError, AssertionError) as error:
        _log.error("nothing was carried over: %s", error)
        return 1
    for name, count in counts.items():
        _log.info("%10d  %s", count, name)
    _log.info("all is there; %s stays as it was", settings.index_path)
    return 0


def _migrate(settings: DataStorageSettings) -> Mapping[str, int]:
    url = server_url(settings.storage, settings.tls)
    if url is None:
        raise MisconfiguredError("FACEPIPE_STORAGE_DATABASE_URL names no PostgreSQL to go to")
    if not settings.index_path.exists():
        raise MisconfiguredError(f"there is no ledger at {settings.index_path}")
    with holding(settings.index_path):
        source, target = open_index(settings.index_path), open_server(url)
        try:
            return migrate(source, target)
        finally:
            source.dispose()
            target.dispose()


if __name__ == "__main__":
    sys.exit(main())
