from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event

from data_storage_service.ledger import Ledger
from facepipe.domain.analysis import AgeGender, Gender
from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.face_fields import conditions_of
from facepipe.ledger.states import NUM_FACES, STORED_AT, Grouping, ListQuery, StepTime
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


@pytest.fixture
def filled(rig: Rig) -> Rig:
    """Three results: a couple, a face without an age, nobody; and an image in flight."""
    couple = samples.agegender(samples.estimate(3), samples.estimate(64, Gender.MALE))
    rig.stored(1, 2, couple)
    rig.stored(2, 1, samples.agegender(AgeGender()))
    rig.stored(3, 0)
    rig.accept(4)
    return rig


def test_faces_are_counted_by_values_and_by_bins(filled: Rig) -> None:
    count = filled.queries.count

    assert count([Grouping("gender")]) == {("female",): 1, ("male",): 1, ("unknown",): 1}
    assert count([Grouping("reliable")]) == {("true",): 2, ("false",): 1}
    assert count([Grouping("confidence", 0.05)]) == {("0.85",): 3}
    assert count([Grouping("gender"), Grouping("age", 5)]) == {
        ("female", "0"): 1,
        ("male", "60"): 1,
        ("unknown", ""): 1,
    }


def test_results_are_counted_without_images_in_flight(filled: Rig) -> None:
    assert filled.queries.count([Grouping(NUM_FACES)]) == {("0",): 1, ("1",): 1, ("2",): 1}


def test_results_are_counted_by_when_they_were_stored(rig: Rig) -> None:
    # given a result that was stored at a known moment, late in its minute
    moment = datetime(2026, 3, 4, 12, 0, 59, 999_999, tzinfo=UTC)
    rig.results._ledger = Ledger(rig.ledger._writing, now=lambda: moment)
    rig.stored(1)

    # then it is counted where its minute begins
    minute = int(datetime(2026, 3, 4, 12, 0, tzinfo=UTC).timestamp())
    assert rig.queries.count([Grouping(STORED_AT, 60)]) == {(str(minute),): 1}


def test_faces_and_results_of_some_images_are_counted(filled: Rig) -> None:
    count = filled.queries.count
    couples = ListQuery(min_faces=2)
    women = ListQuery(faces=conditions_of({"gender": "female"}))

    assert count([Grouping("gender")], couples) == {("female",): 1, ("male",): 1}
    assert count([Grouping(NUM_FACES)], couples) == {("2",): 1}
    # of the images with a woman, her face alone
    assert count([Grouping("gender")], women) == {("female",): 1}
    assert count([Grouping(NUM_FACES)], women) == {("2",): 1}
    assert count([Grouping("gender")], ListQuery(name="no such file")) == {}


@pytest.mark.parametrize(
    "by",
    [[], ["shoe_size"], ["gender", NUM_FACES], ["gender", "age", "reliable"]],
)
def test_what_cannot_be_counted_is_refused(rig: Rig, by: list[str]) -> None:
    with pytest.raises(InvalidRequestError):
        rig.queries.count([Grouping(field) for field in by])


def test_step_times_are_median_and_90th_percentile_of_the_newest(filled: Rig) -> None:
    times = filled.queries.step_times(10)

    assert times["detect"] == StepTime(41.0, 41.0, 3)
    assert times["agegender"] == StepTime(12.0, 12.0, 2)
    assert times["queued"] == StepTime(1000.0, 1000.0, 3)
    assert filled.queries.step_times(1)["detect"].count == 1


def test_numbers_are_counted_once_for_a_state_of_the_ledger(rig: Rig, engine: Engine) -> None:
    # Given a ledger whose numbers were asked for
    rig.stored(1)
    now = samples.START + timedelta(minutes=1)
    first = rig.queries.stats(now)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    # When they are asked for again, then only the revision is read
    assert rig.queries.stats(now) == first
    assert [one for one in statements if one.startswith("SELECT")] == [statements[-1]]
    assert "counters" in statements[-1]

    # And a change, or an hour, is seen at once
    rig.stored(2)
    assert rig.queries.stats(now).accepted == first.accepted + 1
    assert rig.queries.stats(datetime.now(UTC) + timedelta(hours=2)).stored_last_hour == 0
