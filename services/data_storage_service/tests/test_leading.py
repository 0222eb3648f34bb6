"""One process at a time has a role; another takes over when the first is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from data_storage_service.database import open_server
from data_storage_service.dispatch import Dispatcher
from data_storage_service.leading import Lead, Turns
from services.data_storage_service.tests.rig import Rig
from tests.support.waiting import wait_until

on_a_server = pytest.mark.parametrize("database", ["postgresql"])


@pytest.fixture
def other(engine: Engine) -> Iterator[Engine]:
    """The same ledger as another process has it."""
    other = open_server(engine.url)
    yield other
    other.dispose()


def test_one_candidate_at_a_time_has_the_role(engine: Engine) -> None:
    turns = Turns(engine)
    first, second = turns.candidate("one"), turns.candidate("one")

    assert [first.hold(), second.hold(), first.hold(), second.hold()] == [True, False, True, False]
    of_another = turns.candidate("other")
    assert of_another.hold()
    of_another.give_up()

    first.give_up()
    assert [second.hold(), first.hold()] == [True, False]
    first.give_up()
    second.give_up()


def test_a_role_that_was_given_up_is_free_at_once(engine: Engine) -> None:
    turns = Turns(engine)
    first, second = turns.candidate("one"), turns.candidate("one")

    for _ in range(50):
        assert first.hold()
        first.give_up()
        first, second = second, first


@on_a_server
def test_it_is_taken_over_when_the_connection_of_its_holder_is_cut(
    engine: Engine, other: Engine
) -> None:
    # given two processes, of which the first leads
    first, second = Lead(engine), Lead(other)
    first.start()
    wait_until(lambda: first.is_held)
    second.start()

    # when the server ends the session of the first
    holders = "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
    with other.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert not second.is_held
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM ({holders}) AS held")  # noqa: S608  # ours

    # then one of the two has it again, and only one
    wait_until(lambda: not first.is_held or second.is_held, 10)
    wait_until(lambda: first.is_held != second.is_held, 10)
    holder, waiting = (first, second) if first.is_held else (second, first)
    holder.stop()
    wait_until(lambda: waiting.is_held, 10)
    assert not holder.is_held
    waiting.stop()


@on_a_server
def test_what_another_replica_has_sent_is_not_sent_again(rig: Rig, lead: Lead) -> None:
    # given a job that another replica has just put on its queue, and not marked yet
    sent: list[str] = []

    class Sending(Dispatcher):
        def _enqueue(self, job: object) -> None:
            sent.append(str(job))

    leading = Sending(rig.ledger, rig.queries, None, None, lead)  # type: ignore[arg-type]  # not used
    image_id = rig.accept()

    # when the one who leads looks, then it leaves that job to the other
    assert leading.dispatch_all() == 0
    rig.ledger.sent(rig.queries.unsent_jobs(image_id))
    assert (leading.dispatch_all(), sent) == (0, [])

    # but a job that nobody marks is sent by it
    rig.accept(1)
    leading.dispatch_all()
    wait_until(lambda: leading.dispatch_all() == 1, 10, 0.2)
