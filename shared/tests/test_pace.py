from __future__ import annotations

import pytest

from facepipe.stage.pace import Pace


def test_the_rate_is_that_of_the_last_minute() -> None:
    # Given a look every two seconds, at ten jobs a second for two minutes, then none
    now = 0.0
    pace = Pace(lambda: now)
    rates: dict[float, float] = {}
    for look in range(121):
        now = 2.0 * look
        rates[now] = pace.after(min(1200, 20 * look))

    assert rates[0] == 0
    assert rates[2] == rates[120] == pytest.approx(10)
    assert rates[150] == pytest.approx(5, rel=0.1)
    assert rates[182] == rates[240] == 0


def test_looks_that_come_seldom_still_give_a_rate() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    pace.after(0)
    now = 300.0

    assert pace.after(600) == pytest.approx(2)
