"""The place of one worker in its stage; the worker in it changes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from facepipe.stage.child import Child
from facepipe.stage.definition import Patience


@dataclass(slots=True)
class Slot:
    """One of the workers that a stage is to have.

    Attributes:
        number: from 1 on.
        child: the worker that lives here now.
        deaths_at_start: how many workers in a row have died before they did any work.
        start_at: before this time of `time.monotonic` no worker is started.
        problem: what the last worker died of.
    """

    number: int
    child: Child | None = None
    deaths_at_start: int = 0
    start_at: float = 0.0
    problem: str = ""

    def note_death(self, child: Child, problem: str, patience: Patience) -> None:
        """Decides when to try again: at once after a worker that had worked, else later."""
        moment = time.monotonic()
        self.problem = problem
        has_worked = child.loaded_at is not None and (
            child.ended_jobs > 0
            or child.job is not None
            or moment - child.loaded_at > patience.healthy_s
        )
        if has_worked:
            self.deaths_at_start, self.start_at = 0, moment
            return
        self.deaths_at_start += 1
        pause_s = patience.restart_pause_s * 2.0 ** min(self.deaths_at_start - 1, 16)
        self.start_at = moment + min(pause_s, patience.restart_pause_max_s)

    def why_not_ready(self) -> str:
        """What keeps the worker of this place from work; "" when nothing does."""
        child = self.child
        if child is None:
            return f"worker {self.number} died: {self.problem}"
        if child.loaded_at is None:
            earlier = f" (died before: {self.problem})" if self.problem else ""
            return f"worker {self.number} is loading{earlier}"
        return "" if child.is_registered else f"worker {self.number} is not registered in Redis"
