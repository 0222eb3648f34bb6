"""What a page by fields of faces costs, in steps of SQLite: the same on every computer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from data_storage_service import listing
from data_storage_service.database import open_index
from data_storage_service.queries import Queries
from facepipe.domain.face_fields import conditions_of
from facepipe.files.result_files import ledger_file
from facepipe.ledger.states import ListQuery
from tools.stack_driver.many_results import make_results

FEWER, MORE = 500, 2000
STEPS_AT_ONCE = 1000


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Engine]]:
    folders = {count: tmp_path_factory.mktemp(str(count)) for count in (FEWER, MORE)}
    for count, folder in folders.items():
        make_results(folder, count, landmarks=0)
    engines = {count: open_index(ledger_file(folder)) for count, folder in folders.items()}
    yield engines
    for engine in engines.values():
        engine.dispose()


def thousands_of_steps(engine: Engine, **filters: Any) -> int:
    """Of a first page of 20 by these filters."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    @event.listens_for(engine, "checkout")
    def watch(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(count, STEPS_AT_ONCE)

    page = Queries(engine).page(ListQuery(faces=conditions_of(filters), limit=20))
    event.remove(engine, "checkout", watch)
    assert len(page.images) == 20
    return steps


@pytest.mark.parametrize(
    "filters", [{"gender": "female"}, {"gender": "female", "min_age": 20, "max_age": 60}]
)
def test_where_many_faces_fit_a_page_costs_the_same_in_a_larger_ledger(
    filters: dict[str, Any], ledgers: dict[int, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 50)

    fewer, more = (thousands_of_steps(ledgers[count], **filters) for count in (FEWER, MORE))

    assert more <= 1.5 * fewer + 5
