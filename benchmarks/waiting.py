"""How long does a person wait beside ten thousand bulk images?

A stack of its own is started on free ports with temporary volumes. `?wait` uploads are timed on
the idle stack, while the bulk images are sent, and when all of them are accepted and most of
them wait. Part of `make chaos`. The bulk is not analysed to the end: when the last person has
their answer the stack is stopped, and its volumes are removed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.waiting_load import Bulk, Person, Wait
from tools.paths import ROOT
from tools.stack.demo import astronaut
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.many_photos import photographs
from tools.stack_driver.photos import portrait_paths

_SHORTEST_BULK = 64  # pixels
_PAUSE_S = 1.0
_RESULTS = ROOT / "benchmarks" / "results" / "waiting.json"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long people waited, by what went on beside them."""

    bulk: int
    accepted_in_s: float
    put_off: int
    waits: dict[str, list[Wait]]


def run_waiting(address: str, bulk_images: int, people: int) -> Waiting:
    """Times uploads of a running stack; leaves it with its queue full."""
    portraits = [path.read_bytes() for path in portrait_paths() or [astronaut()]]
    person = Person(address, portraits)
    person.wait()  # whatever is slow the first time
    idle = _waits(person, people, lambda: False)
    bulk = Bulk(address, photographs(bulk_images, _SHORTEST_BULK))
    bulk.start()
    sending = _waits(person, sys.maxsize, lambda: bulk.is_done)
    if bulk.accepted != bulk_images:
        raise RuntimeError(f"only {bulk.accepted} of {bulk_images} bulk images were accepted")
    sent = _waits(person, people, lambda: False)
    waits = {"idle": idle, "while bulk is sent": sending, "when bulk is sent": sent}
    return Waiting(bulk_images, bulk.seconds, bulk.put_off, waits)


def report(waiting: Waiting) -> str:
    """The figures for people."""
    lines = [
        f"{waiting.bulk} bulk images accepted in {waiting.accepted_in_s:.0f} s, "
        f"{waiting.put_off} of them put off by 429",
        "",
        f"{'seconds until the result':26}{'uploads':>8}{'beside':>14}{'median':>9}{'worst':>9}"
        f"{'of the idle median':>21}",
    ]
    idle = statistics.median(wait.seconds for wait in waiting.waits["idle"])
    for name, waits in waiting.waits.items():
        seconds = [wait.seconds for wait in waits]
        median, worst = statistics.median(seconds), max(seconds)
        beside = f"{min(wait.beside for wait in waits)}-{max(wait.beside for wait in waits)}"
        lines.append(
            f"{name:26}{len(waits):8}{beside:>14}{median:9.2f}{worst:9.2f}"
            f"{f'{median / idle:.1f}, worst {worst / idle:.1f}':>21}"
        )
    lines.append("\nthe bulk was not analysed to the end: stopped and deleted")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bulk", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="facepipe-waiting-") as folder:
        stack = LocalStack.prepare(Path(folder))
        try:
            stack.verb("start")
            stack.wait_ready()
            waiting = run_waiting(stack.api.address, given.bulk, given.people)
        finally:
            stack.verb("stop", check=False)
    print(report(waiting))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    figures = {"cores": os.cpu_count(), **asdict(waiting)}
    given.out.write_text(json.dumps(figures) + "\n")
    print(f"written to {given.out}")
    return 0


def _waits(person: Person, count: int, is_over: Callable[[], bool]) -> list[Wait]:
    """Uploads one after the other, with a short pause; at least one."""
    waits: list[Wait] = []
    while not waits or (len(waits) < count and not is_over()):
        waits.append(person.wait())
        time.sleep(_PAUSE_S)
    return waits


if __name__ == "__main__":
    sys.exit(main())
