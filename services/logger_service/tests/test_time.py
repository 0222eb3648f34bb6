"""Lines and files of the log when the clock jumps, and in zones with summer time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logger_service.erasure import ERASED, Erased
from logger_service.journal import Journal
from logger_service.queries import LogQuery, search
from logger_service.records import Kind, Level, LogLine, iso_time
from logger_service.settings import LogsSettings

HOUR_NS = 3600 * 10**9
IMAGE = "ab" * 32


def line(time_ns: int, message: str = "seen", image_id: str = "") -> LogLine:
    return LogLine(
        time=iso_time(time_ns),
        service="test",
        level=Level.INFO,
        severity=9,
        message=message,
        image_id=image_id,
    )


@pytest.fixture(params=["Europe/Berlin", "America/St_Johns"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize(("month", "day", "hour"), [(10, 25, 0), (3, 29, 0), (11, 1, 3), (3, 8, 4)])
def test_lines_of_a_night_of_change_are_strictly_ordered(
    month: int, day: int, hour: int, tmp_path: Path
) -> None:
    # Given a line every ten minutes of a night when the hour changes
    night = datetime(2026, month, day, hour, tzinfo=UTC)
    moments = [night + number * timedelta(minutes=10) for number in range(18)]
    journal = Journal(tmp_path, LogsSettings(retention_days=36500))
    assert journal.add(Kind.LOGS, [line(int(m.timestamp()) * 10**9) for m in moments])
    journal.close()

    # When they are searched
    found = search(tmp_path, LogQuery(), 100, "", 60)
    late = search(tmp_path, LogQuery(since=iso_time(int(moments[9].timestamp()) * 10**9)), 9, "", 9)

    # Then they are in order, in UTC, in the file of their day
    times = [entry.time for entry in found.lines]
    assert times == [f"{m:%Y-%m-%dT%H:%M:%S.%f}Z" for m in reversed(moments)]
    assert len(late.lines) == 9
    assert [path.name for path in tmp_path.iterdir()] == [f"logs-{night:%Y-%m-%d}.jsonl"]


def test_a_clock_set_back_over_midnight_loses_no_line(tmp_path: Path) -> None:
    # Given lines of a day, and others of the day before that come after them
    now = time.time_ns()
    journal = Journal(tmp_path, LogsSettings())
    for number, jump_ns in enumerate((0, -26 * HOUR_NS, HOUR_NS // 3600, -26 * HOUR_NS + 1000)):
        assert journal.add(Kind.LOGS, [line(now + jump_ns, f"number {number}")])
        journal.flush()
    journal.close()

    # Then all are found, by their time
    found = search(tmp_path, LogQuery(), 100, "", 60)
    assert [entry.message[-1] for entry in found.lines] == ["2", "0", "3", "1"]


@pytest.mark.parametrize("age_ns", [-HOUR_NS, 1000])
def test_a_late_line_of_an_erased_image_is_blanked_whatever_the_clock_did(
    age_ns: int,
) -> None:
    # Given an image that was erased, maybe after the clock was set back by an hour
    now = time.time_ns()
    erased = Erased()
    erased.add(IMAGE, now)

    # When a line comes that was logged before, be it in what is the future now
    late = erased.scrub(line(now - age_ns, f"stored {IMAGE}", IMAGE))

    # Then it says no more of what it was about
    assert IMAGE not in late.to_line().decode()
    assert ERASED in late.message


def test_a_line_of_an_image_that_was_sent_again_stays() -> None:
    erased = Erased()
    erased.add(IMAGE, time.time_ns() - HOUR_NS)

    again = line(time.time_ns() - HOUR_NS // 2, f"stored {IMAGE}", IMAGE)

    assert erased.scrub(again) == again
