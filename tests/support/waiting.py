"""Waiting for what comes about elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(is_true: Callable[[], bool], timeout_s: float = 60.0, every_s: float = 0.01) -> None:
    end = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < end, f"not within {timeout_s:g} s"
        time.sleep(every_s)
