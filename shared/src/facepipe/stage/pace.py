"""How many jobs end a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0


class Pace:
    """The rate of a count over the last minute, or since its first look if that was later."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, total: int) -> float:
        """Takes in how many there have been by now; returns how many there are a second."""
        now = self._clock()
        self._seen.append((now, total))
        # The look before the window stays: at least a minute is seen, once there was one.
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()
        (began, before), (ended, by_now) = self._seen[0], self._seen[-1]
        return (by_now - before) / (ended - began) if ended > began else 0.0
