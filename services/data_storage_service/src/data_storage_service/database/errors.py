"""What the errors of a database mean to us."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from facepipe.domain.errors import (
    InvalidRequestError,
    LedgerDamagedError,
    ServiceUnavailableError,
    StorageFullError,
)

_DISK_FULL = "53100"  # as PostgreSQL calls it
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns what the database says into our own errors.

    All are worth trying again, but for values that no column can hold: PostgreSQL has no text with
    a zero byte, and no numbers beyond its own.
    """
    try:
        yield
    except exc.DataError as error:
        raise InvalidRequestError(f"the ledger cannot hold that: {error.orig}") from error
    except exc.SQLAlchemyError as error:
        if "disk is full" in str(error) or _sqlstate(error) == _DISK_FULL:
            raise StorageFullError("no room for the ledger; make room on the volume") from error
        if is_damage(error):
            raise damaged(error) from error
        reason = error.orig if isinstance(error, exc.DBAPIError) else error
        raise ServiceUnavailableError(f"the ledger cannot be used now: {reason}") from error


def is_damage(error: exc.SQLAlchemyError) -> bool:
    """Whether SQLite says that its file is broken, or no database."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return (code & 0xFF) in _DAMAGE  # the rest of an extended code says where it was noticed


def damaged(error: exc.SQLAlchemyError) -> LedgerDamagedError:
    reason = getattr(error, "orig", error)
    return LedgerDamagedError(
        f"the ledger cannot be read ({reason}); `make reindex` builds it anew from the results "
        "and moves this one aside"
    )


def _sqlstate(error: exc.SQLAlchemyError) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""
