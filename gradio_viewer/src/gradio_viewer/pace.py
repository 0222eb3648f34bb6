"""How many images wait, how fast they are done, and when all will be."""

from __future__ import annotations

import time
from collections import deque

from gradio_viewer import words

WINDOW_S = 120.0
# A rate of a shorter time says little.
_LEAST_S = 5.0


class Pace:
    """Remembers how many images were finished when; shared by all visitors of the page."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, finished: int, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        if self._seen and finished < self._seen[-1][1]:
            self._seen.clear()  # another ledger
        self._seen.append((now, finished))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()

    def per_s(self) -> float | None:
        """Images a second lately; None where nothing is known yet."""
        if not self._seen:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end - start >= _LEAST_S else None


def sentence(waiting: int, per_s: float | None) -> str:
    """The queue as a sentence; empty when nothing waits.

    >>> sentence(120, 2.0), sentence(1, None), sentence(0, 2.0)
    ('120 images wait; 2.0 a second are done, all in about 1 min 0 s.', '1 image waits.', '')
    >>> sentence(5, 0.0), sentence(60, 0.05)
    ('5 images wait; none was finished lately.', '60 images wait; 3.0 a minute are done, all in \
about 20 min 0 s.')
    """
    if waiting == 0:
        return ""
    many = f"{waiting:,} image{' waits' if waiting == 1 else 's wait'}"
    if per_s is None:
        return f"{many}."
    if per_s == 0:
        return f"{many}; none was finished lately."
    rate = f"{per_s:.1f} a second" if per_s >= 1 else f"{60 * per_s:.1f} a minute"
    return f"{many}; {rate} are done, all in about {words.duration(1000 * waiting / per_s)}."
