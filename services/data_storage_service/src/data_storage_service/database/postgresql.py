"""The ledger on PostgreSQL, which several data_storage_services may share.

Writers take turns by an advisory lock, as they do by SQLite's write lock; readers see one state of
the ledger in each transaction (docs/adr/0019). Nothing is asked of the server until somebody uses
the ledger, and the first connection brings it up to date: so a server that is away is no reason not
to start. Its driver is imported by SQLAlchemy, and only here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url

from data_storage_service.database.address import shown
from data_storage_service.database.versions import bring_up_to_date
from facepipe.domain.errors import MisconfiguredError

if TYPE_CHECKING:
    import psycopg

# Of the advisory lock that writers take turns by.
_TURN = 0x_FACE_9199
# A host that is gone is noticed within seconds, by us and by the server; nothing waits for ever.
_CLIENT = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SERVER = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


def open_server(address: str | URL) -> Engine:
    """A ledger on PostgreSQL, which is made where there is none, once the server answers.

    A commit is waited for where the option `sqlite_synchronous` is FULL.

    Raises:
        MisconfiguredError: the address has an option that PostgreSQL does not know.
    """
    url = make_url(address)
    options = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
    own = url.query.get("options", "")
    arguments: dict[str, Any] = {
        **{name: value for name, value in _CLIENT.items() if name not in url.query},
        "options": f"{options} {own if isinstance(own, str) else ' '.join(own)}".strip(),
    }
    engine = create_engine(
        url, connect_args=arguments, pool_size=8, max_overflow=64, pool_pre_ping=True
    )
    _check_options(engine)
    event.listen(engine, "begin", _begin)
    first = create_engine(url, connect_args=arguments, poolclass=NullPool)
    event.listen(first, "begin", _begin)
    is_up_to_date, making = threading.Event(), threading.Lock()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        with making:
            if is_up_to_date.is_set():
                return
            try:
                with first.execution_options(sqlite_begin="IMMEDIATE").begin() as migrating:
                    bring_up_to_date(migrating, shown(url))
            except BaseException:
                connection.close()
                raise
            is_up_to_date.set()

    return engine


def own_connection(engine: Engine) -> psycopg.Connection:
    """A connection for its caller alone, without transactions; `close` ends its session."""
    pooled = engine.raw_connection()
    connection = cast("psycopg.Connection", pooled.dbapi_connection)
    pooled.detach()
    connection.autocommit = True
    return connection


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("sqlite_begin"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return
    is_synced = options.get("sqlite_synchronous") == "FULL"
    connection.exec_driver_sql(f"SET LOCAL synchronous_commit = {'on' if is_synced else 'off'}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


def _check_options(engine: Engine) -> None:
    from psycopg import ProgrammingError, conninfo

    _, arguments = engine.dialect.create_connect_args(engine.url)
    arguments.pop("context", None)  # of the driver, not of PostgreSQL
    try:
        conninfo.make_conninfo("", **arguments)
    except ProgrammingError as error:
        raise MisconfiguredError(f"FACEPIPE_STORAGE_DATABASE_URL: {error}") from error
