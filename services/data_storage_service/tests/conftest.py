from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.database import open_index, open_server
from data_storage_service.leading import Lead
from services.data_storage_service.tests.rig import Rig, rig_on
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import wait_until

# What they test is the file of SQLite.
_OF_THE_FILE = ("test_damage", "test_upgrade", "test_power_cut", "test_migrate_ledger")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.definition.iter_markers("parametrize")
    if "database" in metafunc.fixturenames and not any(m.args[0] == "database" for m in chosen):
        is_file = metafunc.module.__name__.rpartition(".")[2] in _OF_THE_FILE
        metafunc.parametrize("database", ["sqlite"] if is_file else ["sqlite", "postgresql"])


@pytest.fixture
def engine(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A ledger of each database."""
    if database == "sqlite":
        engine = open_index(tmp_path / "saved_data" / ".index" / "index.sqlite3")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        engine = open_server(server.new_database())
    yield engine
    engine.dispose()


@pytest.fixture
def lead(engine: Engine) -> Iterator[Lead]:
    """The only candidate, who leads."""
    lead = Lead(engine)
    lead.start()
    wait_until(lambda: lead.is_held)
    yield lead
    lead.stop()


@pytest.fixture
def rig(engine: Engine, tmp_path: Path) -> Rig:
    return rig_on(engine, tmp_path)
