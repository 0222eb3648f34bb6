from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plotter_service.statistics import MAX_PERIODS, Period, timeline

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTES = st.integers(0, 60_000_000)  # until 2084


class TestTimeline:
    @given(st.dictionaries(MINUTES, st.integers(1, 9), min_size=1, max_size=30))
    def test_counts_every_image_in_bars_without_a_gap(self, images: dict[int, int]) -> None:
        line = timeline(images)

        assert 1 <= len(line.starts) <= MAX_PERIODS
        for start, following in zip(line.starts, line.starts[1:], strict=False):
            assert line.period.next_after(start) == following
        if line.period is not Period.YEAR:
            assert sum(line.counts) == sum(images.values())

    @pytest.mark.parametrize(
        ("minutes", "period"),
        [(0, "minute"), (59, "minute"), (60, "hour"), (60 * 72, "day"), (60 * 24 * 90, "month")],
    )
    def test_takes_the_shortest_period_that_fits(self, minutes: int, period: str) -> None:
        noon = int(NOON.timestamp()) // 60
        assert timeline({noon: 1, noon + minutes: 1}).period == period

    def test_of_nothing_is_empty(self) -> None:
        assert timeline({}).starts == ()

    def test_months_have_their_own_lengths(self) -> None:
        january = datetime(2026, 1, 1, tzinfo=UTC)
        assert Period.MONTH.next_after(january) == datetime(2026, 2, 1, tzinfo=UTC)
        february = Period.MONTH.next_after(january)
        assert Period.MONTH.next_after(february) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize(
    "day", [datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)]
)
def test_a_day_of_change_has_its_24_hours_and_its_images(
    day: datetime, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a zone with summer time, and an image every half hour of the day of change in UTC
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    first = int(day.timestamp()) // 60
    minutes = {first + 30 * number: 1 for number in range(48)}

    try:
        # When they are counted by hour, and by day together with the day before and one far away
        hourly = timeline(minutes)
        daily = timeline(minutes | {first - 1: 5, first + 40 * 24 * 60: 1})
    finally:
        monkeypatch.undo()
        time.tzset()

    # Then no hour has more or fewer than the others, and the day has its own
    assert hourly.period is Period.HOUR
    assert hourly.counts == (2,) * 24
    assert daily.period is Period.DAY
    assert daily.counts[:2] == (5, 48)
    assert daily.starts[1] == day
