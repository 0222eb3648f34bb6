from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from facepipe.stage import Patience
from facepipe.stage.slot import Slot

PATIENCE = Patience(restart_pause_s=10, restart_pause_max_s=35)


def worker(**facts: Any) -> Any:
    """A dead worker, as far as a slot looks at it."""
    unknown = {"loaded_at": None, "ended_jobs": 0, "job": None, "is_registered": False}
    return SimpleNamespace(**unknown | facts)


def pause_after(slot: Slot, child: Any) -> int:
    slot.note_death(child, "exit code 1", PATIENCE)
    return round(slot.start_at - time.monotonic())


def test_a_worker_that_dies_at_start_is_tried_again_later_and_later() -> None:
    slot = Slot(1)

    assert [pause_after(slot, worker()) for _ in range(4)] == [10, 20, 35, 35]
    assert slot.why_not_ready() == "worker 1 died: exit code 1"


def test_a_worker_that_died_at_work_is_replaced_at_once() -> None:
    slot = Slot(1)
    now = time.monotonic()
    pause_after(slot, worker())

    assert pause_after(slot, worker(loaded_at=now, job="in hand")) == 0
    assert pause_after(slot, worker(loaded_at=now, ended_jobs=1)) == 0
    assert pause_after(slot, worker(loaded_at=now - 60)) == 0
    assert pause_after(slot, worker(loaded_at=now)) == 10, "loaded, but died before any work"


def test_a_slot_is_ready_when_its_worker_has_loaded_and_is_registered() -> None:
    slot = Slot(2, child=worker(), problem="broken model")

    assert slot.why_not_ready() == "worker 2 is loading (died before: broken model)"
    slot.child = worker(loaded_at=1.0)
    assert slot.why_not_ready() == "worker 2 is not registered in Redis"
    slot.child = worker(loaded_at=1.0, is_registered=True)
    assert slot.why_not_ready() == ""
