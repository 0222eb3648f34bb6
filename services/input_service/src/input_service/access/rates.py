"""How often a key may call, and how many of its calls may wait at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from facepipe.domain.errors import TooManyRequestsError

_MAX_BUCKETS = 10_000
_SOON_S = 5.0


class Slots:
    """How many calls of one name may be open at a time. Used by the event loop alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Holds a slot; raises TooManyRequestsError where all are taken."""
        if self._taken[name] >= self._limit:
            raise TooManyRequestsError(
                f"{name} waits for {self._limit} answers already", retry_after_s=_SOON_S
            )
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


class TokenBuckets:
    """One bucket a name, in the memory of this process. Used by the event loop alone."""

    def __init__(
        self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Takes a token; 0.0, or the seconds until there will be one."""
        if self._rate_per_s <= 0:
            return 0.0
        now = self._clock()
        tokens, since = self._buckets.pop(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate_per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._rate_per_s
        # Entered last, so that the first of all is the one that was silent longest.
        self._buckets[name] = (tokens - 1 if wait_s == 0 else tokens, now)
        if len(self._buckets) > _MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return wait_s
