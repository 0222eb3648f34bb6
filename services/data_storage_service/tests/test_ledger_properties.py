"""Parts in any order, repeated, of several generations: the last generation wins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from data_storage_service.database import open_index, open_server
from data_storage_service.due_jobs import DueJob
from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState
from facepipe.stages import StageName
from tests.support import store_samples as samples

Call = tuple[str, int]
_numbers = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_index(tmp_path_factory.mktemp("ledger") / "index.sqlite3")
    else:
        engine = open_server(request.getfixturevalue("postgres").new_database())
    yield engine
    engine.dispose()


def make(ledger: Ledger, image_id: str, call: Call, faces: int) -> None:
    kind, generation = call
    landmark = samples.run(image_id, StageName.LANDMARK, generation)
    agegender = samples.run(image_id, StageName.AGEGENDER, generation)
    match kind:
        case "landmarks":
            ledger.save_part(landmark, samples.landmarks(faces))
        case "agegender":
            ledger.save_part(agegender, samples.agegender(*[samples.estimate()] * faces))
        case "landmark started":
            ledger.save_started(landmark)
        case "agegender started":
            ledger.save_started(agegender)
        case "agegender failed":
            ledger.save_failure(agegender, samples.ERROR)
        case "sent":
            ledger.sent([DueJob(image_id, generation, StageName.LANDMARK, False, "")])


def outcome(
    engine: Engine, calls: Sequence[Call], faces: int, *, delete_first: bool = False
) -> ImageState:
    ledger, queries = Ledger(engine), Queries(engine)
    image_id = samples.image_id_of(next(_numbers))
    ledger.register(image_id, samples.info(image_id), samples.START)
    if delete_first:
        ledger.delete(image_id)
    for call in calls:
        make(ledger, image_id, call, faces)
    return queries.joined(image_id).state


KINDS = ["landmarks", "agegender", "landmark started", "agegender started", "sent"]
calls_of = st.lists(
    st.tuples(st.sampled_from([*KINDS, "agegender failed"]), st.integers(1, 3)), max_size=12
)


@given(calls_of, st.integers(0, 2), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_order_and_repetition_do_not_matter(
    engine: Engine, calls: list[Call], faces: int, random: Random
) -> None:
    # given all parts of the last generation among other calls
    calls = [*calls, ("landmarks", 3), ("agegender", 3)]
    shuffled = calls + calls[: len(calls) // 2]
    random.shuffle(shuffled)

    # when they come in two orders
    first, second = outcome(engine, calls, faces), outcome(engine, shuffled, faces)

    # then it ends the same
    for state in (first, second):
        assert state.generation == 3
        assert state.status is Status.STORING
        assert state.num_faces == faces
    assert first.parts == second.parts


@given(calls_of)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_brings_a_deleted_image_back(engine: Engine, calls: list[Call]) -> None:
    state = outcome(engine, calls, 1, delete_first=True)

    assert state.status is Status.DELETED
    assert (state.parts, state.timeline) == ({}, ())
