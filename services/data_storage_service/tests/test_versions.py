"""A ledger that was brought up to date has the tables that the program knows, on both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from data_storage_service import database
from data_storage_service.database import SCHEMA_VERSION, database_errors, open_server
from data_storage_service.database.versions import VERSION_TABLE
from data_storage_service.schema import Base
from facepipe.domain.errors import LedgerTooNewError
from services.data_storage_service.tests.rig import Rig

_NEWER = f"UPDATE ledger_version SET version_num = {SCHEMA_VERSION + 1}"  # noqa: S608  # ours


def test_the_steps_lead_to_the_tables_that_are_declared(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_the_number_of_the_latest_step_is_the_version() -> None:
    steps = Path(database.__file__).parent / "migrations"

    assert ScriptDirectory(str(steps)).get_current_head() == str(SCHEMA_VERSION)


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_newer_ledger_on_a_server_is_refused_and_left_alone(rig: Rig, engine: Engine) -> None:
    # given a ledger that a newer program wrote
    rig.accept(1)
    with engine.begin() as connection:
        connection.exec_driver_sql(_NEWER)

    # when this program opens it
    older = open_server(engine.url)
    with pytest.raises(LedgerTooNewError, match="newer version"), database_errors():
        older.connect()
    older.dispose()

    # then it is as it was
    with engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM ledger_version")
        assert found.scalar_one() == str(SCHEMA_VERSION + 1)
        assert connection.exec_driver_sql("SELECT count(*) FROM images").scalar_one() == 1


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_column_of_faces_that_is_missing_is_added(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE faces DROP COLUMN age")

    upgraded = open_server(engine.url)
    with upgraded.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []
    upgraded.dispose()


def test_what_sqlite_needs_not_is_not_imported(tmp_path: Path) -> None:
    # given a ledger that is up to date
    program = (
        "import sys, pathlib;"
        "from data_storage_service.database import open_index;"
        "open_index(pathlib.Path(sys.argv[1]));"
        "print([name for name in ('psycopg', 'alembic') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "index.sqlite3")]
    assert subprocess.check_output(command, text=True).strip() == "['alembic']"

    # when it is opened again, then neither the driver nor alembic takes its time
    assert subprocess.check_output(command, text=True).strip() == "[]"
