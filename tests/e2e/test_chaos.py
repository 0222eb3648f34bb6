"""The short version of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tools.chaos.__main__ import run_chaos, table
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import batch_of


def test_random_kills_lose_and_double_nothing(stack: LocalStack, portraits: list[Path]) -> None:
    # Given a running stack
    stack.wait_ready()
    images = batch_of(portraits, 30, quality=95)

    # When its processes are killed at random while images are uploaded
    report = run_chaos(stack, images, seconds=22, seed=5, pause_s=(1, 3), finish_s=240)
    print(table(report))

    # Then every image has one result, and nothing else is left
    assert report.broken == []
    assert (report.accepted, report.lost, report.duplicates) == (30, 0, 0)
    assert report.by_status == {"stored": 30}
    assert len(report.kills) >= 3
