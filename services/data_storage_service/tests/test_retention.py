from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_storage_service.leading import Lead
from data_storage_service.retention import Retention
from data_storage_service.settling import SettlingLoop
from facepipe.domain.status import Status
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples

DAY = timedelta(days=1)


def retention(rig: Rig, days: float, now: datetime, at_once: int = 200) -> Retention:
    return Retention(rig.queries, rig.settler, days, now=lambda: now, at_once=at_once)


@pytest.mark.parametrize(("age", "kept"), [(DAY * 29.9, True), (DAY * 30.1, False)])
def test_an_image_is_deleted_when_it_is_old_enough(rig: Rig, age: timedelta, kept: bool) -> None:
    # given a stored image
    image_id = rig.stored()

    # when some days have passed
    deleted = retention(rig, 30, samples.START + age)()

    # then nothing is left of it once they are more than was set
    assert deleted == (0 if kept else 1)
    assert (rig.state(image_id).status is Status.STORED) == kept
    assert bool(rig.traces(image_id)) == kept


def test_without_a_setting_images_are_kept_for_ever(rig: Rig) -> None:
    image_id = rig.stored()

    assert retention(rig, 0, datetime(2100, 1, 1, tzinfo=UTC))() == 0
    assert rig.state(image_id).status is Status.STORED


def test_old_images_go_a_few_at_a_time_the_oldest_first(rig: Rig) -> None:
    ids = [rig.stored(number) for number in range(3)]
    chore = retention(rig, 1, samples.START + 2 * DAY, at_once=2)

    assert [chore(), chore(), chore()] == [2, 1, 0]
    assert {rig.state(image_id).status for image_id in ids} == {Status.DELETED}


def test_no_more_than_two_hundred_go_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def received_before(_: datetime, limit: int) -> list[str]:
        asked.append(limit)
        return []

    monkeypatch.setattr(rig.queries, "received_before", received_before)

    Retention(rig.queries, rig.settler, 1)()

    assert asked == [200]


def test_it_is_logged_how_many_were_deleted_and_of_when(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    # Given an image that is old enough, and a second pass that finds none
    rig.stored()
    chore = retention(rig, 1, samples.START + 2 * DAY)

    with caplog.at_level("INFO", logger="data_storage_service.retention"):
        assert [chore(), chore()] == [1, 0]

    (record,) = caplog.records
    assert record.getMessage() == "retention: 1 images deleted"
    assert record.__dict__["before"] == str(samples.START + DAY)


def test_what_fails_and_what_is_running_grows_old_as_well(rig: Rig) -> None:
    image_id = rig.accept()

    retention(rig, 1, samples.START + 2 * DAY)()

    assert rig.state(image_id).status is Status.DELETED
    assert rig.traces(image_id) == []


def test_a_chore_that_fails_does_not_keep_the_others_from_theirs(rig: Rig, lead: Lead) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ValueError

    chores = [fail, lambda: done.append("x")]
    loop = SettlingLoop(rig.settler, rig.queries, 60, lead, chores)
    loop.start()
    loop.stop()

    assert done == ["x"]
