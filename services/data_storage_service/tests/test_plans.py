"""What is asked again and again goes by an index: a table that is read whole grows with time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from data_storage_service.queries import Queries
from data_storage_service.reanalyses import Reanalyses
from data_storage_service.schema import Base
from facepipe.domain.face_fields import conditions_of
from facepipe.ledger.states import ListQuery, Sort

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ASKED: dict[str, Callable[[Engine], object]] = {
    "wait for a reanalysis": lambda engine: Reanalyses(engine).waiting(5),
    "first page": lambda engine: Queries(engine).page(ListQuery()),
    "oldest first": lambda engine: Queries(engine).page(ListQuery(sort=Sort.OLDEST)),
    "stats": lambda engine: Queries(engine).stats(),
    "revision": lambda engine: Queries(engine).revision(),
    "changes": lambda engine: Queries(engine).changed(5),
    "unsettled": lambda engine: Queries(engine).unsettled(),
    "unsent jobs": lambda engine: Queries(engine).unsent_jobs(),
    "unsent jobs of one": lambda engine: Queries(engine).unsent_jobs("0" * 64),
    "received before": lambda engine: Queries(engine).received_before(MOMENT, 5),
}


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("name", ASKED)
def test_no_table_is_read_whole(name: str, engine: Engine) -> None:
    # when SQLite says how it goes about an answer
    plans = plans_of(engine, ASKED[name])

    # then a table is read by an index
    assert plans
    assert not {f"SCAN {table}" for table in Base.metadata.tables} & set(plans)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"gender": "female", "min_age": 20, "max_age": 25}, "faces_of_gender_and_age"),
        ({"min_age": 20, "max_age": 25}, "faces_of_age"),
    ],
)
def test_few_faces_are_counted_and_found_by_an_index_alone(
    filters: dict[str, Any], index: str, engine: Engine
) -> None:
    # when the images with faces of some ages are counted and listed
    query = ListQuery(faces=conditions_of(filters), with_total=True)
    plans = plans_of(engine, lambda engine: Queries(engine).page(query))

    # then whether they are few, which they are and how many: nobody reads the faces
    of_faces = [plan for plan in plans if " faces" in plan]
    assert len(of_faces) == 3
    assert all(f"USING COVERING INDEX {index} " in plan for plan in of_faces)


def plans_of(engine: Engine, ask: Callable[[Engine], object]) -> list[str]:
    """How SQLite goes about each statement that is sent to it for an answer."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    ask(engine)
    selects = [one for one in asked if one[0].startswith("SELECT")]
    with engine.connect() as connection:
        return [
            line.detail
            for statement, values in selects
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
