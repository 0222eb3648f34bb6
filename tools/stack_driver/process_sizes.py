"""How large the processes of a stack are."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil

from tools.stack.processes import command_of
from tools.stack_driver.local_stack import LocalStack


@dataclass(frozen=True, slots=True)
class Size:
    """Of one process, MB. PSS counts what is shared with others in parts; None: not readable."""

    pid: int
    rss: float
    pss: float | None


def sizes_of(stack: LocalStack) -> dict[str, Size]:
    """Every process of a stack, by what it is; the second of a kind is called `... 2`."""
    sizes: dict[str, Size] = {}
    for process in sorted(stack.processes(), key=lambda process: process.pid):
        with contextlib.suppress(psutil.Error):
            name = name_of(process)
            number = sum(known.split(" #")[0] == name for known in sizes)
            sizes[f"{name} #{number + 1}" if number else name] = _size_of(process)
    return sizes


def _size_of(process: psutil.Process) -> Size:
    rss = process.memory_info().rss
    try:
        pss = process.memory_full_info().pss
    except (psutil.AccessDenied, AttributeError):
        return Size(process.pid, _mb(rss), None)
    return Size(process.pid, _mb(rss), _mb(pss))


def name_of(process: psutil.Process) -> str:
    """What a process of a stack is, for people."""
    command = command_of(process)
    if "facepipe.stage.worker" in command:
        return f"{command[-1].partition('-')[0].partition('.')[0]} worker"
    if command[-2:-1] == ["-m"]:
        return command[-1]
    for word, name in (("redis-server", "redis-server"), ("supervisord", "supervisord")):
        if any(word in part for part in command[:2]):
            return name
    parent = process.parent()
    is_decoder = "--multiprocessing-fork" in command
    kind = "decoder" if is_decoder else "helper"
    return f"{name_of(parent)} {kind}" if parent else kind


def _mb(size: int) -> float:
    return round(size / 2**20, 1)
