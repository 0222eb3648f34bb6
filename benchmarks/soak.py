"""Thousands of images in a row: does any process grow?

A stack of its own is started on free ports with temporary volumes, and as many different images
are sent to it, some in hand at any time. Every so often each process is measured. Part of
`make chaos`; exits with 1 when an image was not stored or a process grows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.soak_memory import Growth, Memory, table
from benchmarks.soak_picture import draw
from facepipe_client import Client
from tools.paths import ROOT
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.many_photos import photographs

_IN_HAND = 24
_FINISH_S = 300.0
_RESTARTS = re.compile(r'^facepipe_stage_restarts_total\{reason="(\w+)"\} (\S+)$', re.MULTILINE)
_FOLDER = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Soak:
    """What became of the images, and of the processes.

    Attributes:
        workers_restarted: by service and reason; a worker that was replaced may have hidden
            that it grew.
    """

    images: int
    seconds: float
    by_status: dict[str, int]
    workers_restarted: dict[str, int]
    growth: dict[str, Growth]

    @property
    def broken(self) -> list[str]:
        stored = self.by_status.get("stored", 0)
        broken = [] if stored == self.images else [f"{stored} of {self.images} were stored"]
        return broken + [
            f"{name} grows" for name, grown in self.growth.items() if not grown.is_flat
        ]


def run_soak(stack: LocalStack, count: int, begin: int, every: int) -> tuple[Soak, Memory]:
    """Sends the images to a running stack; `begin` is the image from which on growth counts."""
    memory = Memory()
    start = time.monotonic()
    api = stack.api
    due = 0
    for number, image in enumerate(photographs(count)):
        finished = _wait_until(api, number - _IN_HAND)
        if finished >= due:
            memory.take(stack, finished, time.monotonic() - start)
            due = finished - finished % every + every
        api.upload(image)
    memory.take(stack, _wait_until(api, count), time.monotonic() - start)
    stats = api.stats().to_json()
    names = ("stored", "partial", "failed", "deleted", "in_flight")
    soak = Soak(
        images=count,
        seconds=round(time.monotonic() - start, 1),
        by_status={name: stats[name] for name in names if stats[name]},
        workers_restarted=_restarts(stack),
        growth=memory.growth(begin),
    )
    return soak, memory


def report(soak: Soak, begin: int) -> str:
    """The figures for people."""
    status = ", ".join(f"{number} {name}" for name, number in soak.by_status.items())
    rate = soak.images / soak.seconds
    lines = [f"{soak.images} images in {soak.seconds:.0f} s ({rate:.1f} a second), {status}", ""]
    lines += [*table(soak.growth, begin, soak.images), ""]
    restarts = ", ".join(f"{name} {number}" for name, number in soak.workers_restarted.items())
    lines += [f"workers restarted: {restarts or 'none'}"]
    lines += [f"BROKEN: {promise}" for promise in soak.broken]
    lines.append("something grows or was lost" if soak.broken else "no process grows")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--begin", type=int, default=500)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--out", type=Path, default=_FOLDER)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="facepipe-soak-") as folder:
        stack = LocalStack.prepare(Path(folder))
        try:
            stack.verb("start")
            stack.wait_ready()
            soak, memory = run_soak(stack, given.images, given.begin, given.every)
        finally:
            stack.verb("stop", check=False)
    print(report(soak, given.begin))
    given.out.mkdir(parents=True, exist_ok=True)
    figures = {"cores": os.cpu_count(), **asdict(soak), **asdict(memory)}
    (given.out / "soak.json").write_text(json.dumps(figures) + "\n")
    draw(memory, given.begin, given.out / "soak.png")
    print(f"written to {given.out}")
    return 1 if soak.broken else 0


def _wait_until(api: Client, finished: int) -> int:
    """Waits until so many images are finished, or nothing moves; how many there are."""
    deadline = time.monotonic() + _FINISH_S
    while (number := _finished(api)) < finished and time.monotonic() < deadline:
        time.sleep(0.05)
    return number


def _finished(api: Client) -> int:
    stats = api.stats()
    return stats.stored + stats.partial + stats.failed


def _restarts(stack: LocalStack) -> dict[str, int]:
    restarts: dict[str, int] = {}
    for service in ("LANDMARK", "AGEGENDER", "STORAGE", "PLOTTER"):
        url = f"http://127.0.0.1:{stack.port(service)}/metrics"
        headers = stack.inside_token.headers
        text = httpx.get(url, headers=headers, timeout=20, trust_env=False).text
        for reason, number in _RESTARTS.findall(text):
            if float(number):
                restarts[f"{service.lower()} {reason}"] = int(float(number))
    return restarts


if __name__ == "__main__":
    sys.exit(main())
