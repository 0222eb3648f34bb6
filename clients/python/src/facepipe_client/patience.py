"""How long to try again, and how long to wait in between."""

from __future__ import annotations

import time

from facepipe_client.errors import ClientError, ProblemError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class Patience:
    """Pauses as the API asks for them, else growing ones, until time is up."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._pause_s = _FIRST_PAUSE_S

    def pause_s(self, error: ClientError) -> float | None:
        """How long to wait before the next try; None if there is no time for one."""
        asked = error.retry_after_s if isinstance(error, ProblemError) else 0.0
        pause_s = min(asked or self._pause_s, _LONGEST_PAUSE_S)
        self._pause_s *= 2
        return pause_s if time.monotonic() + pause_s < self._end else None
