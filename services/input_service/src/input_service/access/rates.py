"""How often a key may call: a bucket of tokens each, refilled as time goes by."""

from __future__ import annotations

import time
from collections.abc import Callable

_MAX_BUCKETS = 10_000


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
