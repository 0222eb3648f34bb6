"""A ledger goes over from SQLite to PostgreSQL, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import OperationalError

from data_storage_service.database import open_server
from data_storage_service.leading import Lead
from data_storage_service.ledger import Ledger
from data_storage_service.ledger_lock import holding
from data_storage_service.migrate_ledger import LedgerNotEmptyError, migrate
from data_storage_service.queries import Queries
from data_storage_service.schema import Base
from facepipe.domain.errors import LedgerInUseError, ServiceUnavailableError
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import wait_until


@pytest.fixture
def target(postgres: PostgresServer) -> Iterator[Engine]:
    engine = open_server(postgres.new_database())
    yield engine
    engine.dispose()


def fill(rig: Rig) -> None:
    """Images in every state, and a wish to analyse one again."""
    rig.stored(1, faces=2)
    flying = rig.accept(2)
    rig.ledger.save_part(samples.run(flying, StageName.LANDMARK), samples.landmarks())
    rig.ledger.delete(rig.accept(3))
    failed = rig.accept(4)
    rig.ledger.save_failure(samples.run(failed, StageName.LANDMARK), samples.ERROR)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_everything_goes_over_and_work_goes_on_there(rig: Rig, target: Engine) -> None:
    # given a ledger with images in every state
    fill(rig)
    before = rig.queries.page(ListQuery(statuses=tuple(Status), limit=500)).images

    # when it is carried over
    carried = migrate(rig.ledger.engine, target)

    # then all rows are there, and read as before
    assert carried == counts(target) == counts(rig.ledger.engine)
    ledger, queries = Ledger(target), Queries(target)
    assert queries.page(ListQuery(statuses=tuple(Status), limit=500)).images == before
    ours, theirs = (one.stats() for one in (queries, rig.queries))
    assert ours == theirs

    # and what was in flight goes on, with the next number of a change
    flying, revision = samples.image_id_of(2), rig.queries.revision()
    ledger.save_part(samples.run(flying, StageName.AGEGENDER), samples.agegender())
    assert queries.get(flying).status is Status.STORING
    assert queries.revision() == revision + 1


def test_a_target_that_holds_a_ledger_is_refused(rig: Rig, target: Engine) -> None:
    fill(rig)
    migrate(rig.ledger.engine, target)
    before = counts(target)

    with pytest.raises(LedgerNotEmptyError, match="holds a ledger already"):
        migrate(rig.ledger.engine, target)

    assert counts(target) == before


def test_what_fails_half_way_leaves_nothing_and_is_done_again(rig: Rig, target: Engine) -> None:
    # given a server that goes away while the faces are carried over
    fill(rig)
    is_away = True

    @event.listens_for(target, "before_cursor_execute")
    def cut(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if is_away and statement.startswith("INSERT INTO faces"):
            raise OperationalError(statement, None, ConnectionError("the connection was cut"))

    with pytest.raises(ServiceUnavailableError, match="was cut"):
        migrate(rig.ledger.engine, target)
    assert not any(n for name, n in counts(target).items() if name != "counters")

    # when it is called again, then all is there
    is_away = False
    assert migrate(rig.ledger.engine, target) == counts(rig.ledger.engine)


def test_a_running_service_is_not_written_under(rig: Rig, target: Engine) -> None:
    lead = Lead(target)
    lead.start()
    wait_until(lambda: lead.is_held)

    with pytest.raises(LedgerInUseError, match="stop it first"):
        migrate(rig.ledger.engine, target)

    lead.stop()


def test_as_a_program_it_says_what_it_did(rig: Rig, postgres: PostgresServer) -> None:
    # given a ledger, and a service that works on it
    fill(rig)
    url = postgres.new_database()
    environment = os.environ | {
        "FACEPIPE_VOLUMES_ROOT": str(rig.root),
        "FACEPIPE_STORAGE_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "data_storage_service.migrate_ledger"]

    def ran() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    with holding(rig.ledger_file):
        refused = ran()
    assert refused.returncode == 1
    assert "in use by process" in refused.stderr

    # when that is stopped, then the ledger goes over
    done = ran()
    assert done.returncode == 0, done.stderr
    assert "4  images" in done.stderr
    assert ran().returncode == 1
