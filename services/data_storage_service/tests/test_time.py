"""Clocks that jump, and zones with summer time, as data_storage_service sees them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.ledger import Ledger
from data_storage_service.retention import BELIEVED_AFTER_S, CarefulClock
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples

HOUR = timedelta(hours=1)
# Half past two comes twice in Berlin in this night; in St John's half past one, with its odd zone.
NIGHTS = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 11, 1, 3, 30, tzinfo=UTC)]
# And here an hour is left out.
NIGHTS += [datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 8, 5, 0, tzinfo=UTC)]


@pytest.fixture(params=["Europe/Berlin", "America/St_Johns"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Times:
    """What the two clocks of a machine show, in seconds."""

    def __init__(self) -> None:
        self.wall = samples.START.timestamp()
        self.elapsed = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def careful(times: Times) -> CarefulClock:
    return CarefulClock(lambda: times.wall, lambda: times.elapsed)


def test_a_jump_forward_is_believed_only_after_a_day(times: Times, careful: CarefulClock) -> None:
    # Given a clock that jumps a year ahead
    before = careful()
    times.wall += 365 * 86400

    # When it goes on, then so does the careful one, from where it was
    careful()
    times.pass_by(3600)
    assert careful() - before == HOUR

    # And when the jump has held for a day it counts
    times.pass_by(BELIEVED_AFTER_S)
    careful()
    assert careful().timestamp() == pytest.approx(times.wall)


def test_a_jump_counts_when_it_has_held_for_a_day_and_not_a_second_earlier(
    times: Times, careful: CarefulClock, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a jump of ten minutes, the least that is not a correction
    times.wall += 600
    before = careful().timestamp()
    assert before == pytest.approx(times.wall - 600)
    assert caplog.messages == ["the clock jumped 600 s forward"]

    # When a day passes but for a second
    times.pass_by(86_399)
    assert careful().timestamp() == pytest.approx(times.wall - 600)

    # Then it counts at the next, and the next jump waits for a day of its own
    times.pass_by(1)
    assert careful().timestamp() == pytest.approx(times.wall)
    times.wall += 3600
    times.pass_by(60)
    assert careful().timestamp() == pytest.approx(times.wall - 3600)


def test_after_a_correction_the_next_jump_waits_for_a_day_of_its_own(
    times: Times, careful: CarefulClock
) -> None:
    # Given a jump that was taken back a day ago
    times.wall += 3600
    careful()
    times.wall -= 3600
    careful()
    times.pass_by(BELIEVED_AFTER_S)

    # When the clock jumps again
    times.wall += 3600
    careful()

    # Then that one is not believed yet
    assert careful().timestamp() == pytest.approx(times.wall - 3600)


def test_a_correction_just_under_ten_minutes_is_followed(
    times: Times, careful: CarefulClock
) -> None:
    times.wall += 599

    assert careful().timestamp() == pytest.approx(times.wall)


def test_the_clock_of_the_system_is_followed() -> None:
    assert abs(CarefulClock()() - datetime.now(UTC)) < timedelta(seconds=60)


def test_a_jump_that_is_taken_back_leaves_nothing(times: Times, careful: CarefulClock) -> None:
    times.wall += 365 * 86400
    careful()
    times.wall -= 365 * 86400
    times.pass_by(60)

    assert careful().timestamp() == pytest.approx(times.wall)


@pytest.mark.parametrize("change_s", [-7200, 1])
def test_small_steps_and_steps_back_are_followed_at_once(
    change_s: float, times: Times, careful: CarefulClock
) -> None:
    times.wall += change_s

    assert careful().timestamp() == pytest.approx(times.wall)


def test_a_deleted_image_stays_deleted_though_the_clock_was_set_back(
    rig: Rig, engine: Engine
) -> None:
    # Given an image that was accepted, and then a clock set back by an hour
    image_id = rig.accept()
    rig.analyse(image_id)
    rig.ledger._now = lambda: samples.START - HOUR

    # When it is deleted
    assert rig.settler.delete(image_id)

    # Then its upload is not taken for one that came after the deletion
    assert rig.traces(image_id) == []
    assert rig.state(image_id).status is Status.DELETED


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("night", NIGHTS)
def test_moments_of_a_night_of_change_are_in_order_and_in_utc(
    night: datetime, engine: Engine, rig: Rig
) -> None:
    # Given images that come every ten minutes through the night when the hour changes
    moments = [night + number * timedelta(minutes=10) for number in range(12)]
    for number, moment in enumerate(moments):
        image_id = samples.image_id_of(number)
        ledger = Ledger(engine, now=lambda moment=moment: moment)  # type: ignore[misc]  # bound now
        ledger.register(image_id, samples.info(image_id), moment.astimezone())

    # When they are listed, and those of the second half alone
    page = rig.queries.page(ListQuery(limit=50))
    late = rig.queries.page(ListQuery(limit=50, received_after=moments[6]))

    # Then they are in order, at their moments
    assert [state.received_at for state in page.images] == moments[::-1]
    assert [state.updated_at for state in page.images] == moments[::-1]
    assert [state.received_at for state in late.images][-1] in moments[6:8]
    assert all(state.received_at.utcoffset() == timedelta(0) for state in page.images)


@pytest.mark.usefixtures("_zone")
def test_the_document_tells_its_time_in_utc(rig: Rig, tmp_path: Path) -> None:
    image_id = rig.stored()

    text = rig.document_file(image_id).read_text()
    told = rig.files.read_document(image_id).timestamp

    assert f'"timestamp": "{told:%Y-%m-%dT%H:%M:%S}' in text
    assert text.partition('"timestamp": "')[2].partition('"')[0].endswith("Z")
    assert abs(told - datetime.now(UTC)) < HOUR / 2
