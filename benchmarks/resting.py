"""What a stack spends while it analyses nothing: `python -m benchmarks.resting`.

A stack of its own is started on free ports. It is left alone, first empty, and then paused with
ten thousand images waiting: what it spends then is spent on the waiting itself. CPU time of all
its processes, as a share of one core, is written to `benchmarks/results/resting.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.costs import spent_at_rest
from benchmarks.waiting_load import Bulk
from tools.paths import ROOT
from tools.stack.demo import astronaut
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.many_photos import photographs

_SHORTEST_BULK = 64  # pixels
_SETTLE_S = 20.0
_RESULTS = ROOT / "benchmarks" / "results" / "resting.json"


def _let_wait(stack: LocalStack, count: int) -> None:
    """Has so many images accepted, and none of them analysed."""
    stack.api.pause()
    (small,) = photographs(1, _SHORTEST_BULK)
    # Decoders stop where the image ends: the same picture under other ids.
    bulk = Bulk(stack.api.address, (small + os.urandom(16) for _ in range(count)))
    bulk.start()
    while not bulk.is_done:
        time.sleep(0.5)
    waiting = stack.api.stats().in_flight
    if waiting != count:
        raise RuntimeError(f"{waiting} of {count} images wait")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=120.0)
    given = parser.parse_args()
    report: dict[str, Any] = {
        "images": given.images,
        "seconds": given.seconds,
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(prefix="facepipe-resting-") as folder:
        stack = LocalStack.prepare(Path(folder))
        try:
            stack.verb("start")
            stack.wait_ready()
            stack.api.upload(astronaut(), wait_s=60)
            report["idle"] = spent_at_rest(stack, _SETTLE_S, given.seconds)
            _let_wait(stack, given.images)
            report["waiting"] = spent_at_rest(stack, _SETTLE_S, given.seconds)
        finally:
            stack.verb("stop", check=False)
    report["load_after"] = os.getloadavg()[0]
    print(json.dumps(report, indent=1))
    _RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written to {_RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
