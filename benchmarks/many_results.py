"""What a ledger of 100,000 results costs: `python -m benchmarks.many_results`.

A stack of its own is started on free ports, on a volume that already holds the results. Each
question is put through the API many times, that by age and gender with other ages each time; how
long its answer took, the CPU time of the two services that gave it, and the largest size that a
process had meanwhile are written to `benchmarks/results/many_results.json`. Exits with 1 when a
question is not answered. It takes 3 GB of disk for a while.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tools.paths import ROOT
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.many_results import make_results
from tools.stack_driver.process_sizes import sizes_of

_RESULTS = ROOT / "benchmarks" / "results" / "many_results.json"
_TIMES = 40
_SAMPLE_EVERY_S = 0.25
_ANSWERING = ("data_storage_service", "input_service")
_WATCHED = ("data_storage_service", "input_service", "plotter_service", "plotter_service worker")
_PATIENCE_S = 900.0

QUESTIONS = {
    "first page": "/v1/images?limit=50",
    "page of 500": "/v1/images?limit=500",
    "by status": "/v1/images?status=stored&limit=50",
    "by time": "/v1/images?received_before=2026-01-10T00:00:00Z&limit=50",
    "by age and gender": "/v1/images?min_age={age}&max_age={older}&gender=female&limit=50",
    "by age, none fits": "/v1/images?min_age=30&max_age=30&min_faces=90&limit=50",
    "by pose": "/v1/images?min_yaw=50&limit=50",
    "stats": "/v1/stats",
}
EXPORTS = {"csv": 3, "parquet": 3, "coco": 1}
"""How often each is asked for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one answer: where it was asked often, seconds are the median, with the 95th percentile.

    CPU time is that of the services that answer, of one answer on average.
    """

    seconds: float
    received_bytes: int
    peak_mb: dict[str, float]
    p95_s: float = 0.0
    cpu_s: float = 0.0
    lines: int = 0


class Sizes:
    """The largest size of each watched process while a block ran."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack

    @contextmanager
    def watched(self) -> Iterator[dict[str, float]]:
        peaks: dict[str, float] = {}
        stop = threading.Event()

        def sample_memory() -> None:
            while True:
                for name, size in sizes_of(self._stack).items():
                    if name in _WATCHED:
                        peaks[name] = max(size.rss, peaks.get(name, 0.0))
                if stop.wait(_SAMPLE_EVERY_S):
                    return

        thread = threading.Thread(target=sample_memory, daemon=True)
        thread.start()
        try:
            yield peaks
        finally:
            stop.set()
            thread.join()


def measure(stack: LocalStack, count: int) -> dict[str, Cost]:
    """Puts every question; raises when one is not answered, or the numbers do not add up."""
    sizes = Sizes(stack)
    with sizes.watched() as idle:
        time.sleep(1)
    costs = {"nothing": Cost(0.0, 0, idle)}
    with httpx.Client(base_url=stack.api.address, timeout=_PATIENCE_S, trust_env=False) as http:
        for name, path in QUESTIONS.items():
            costs[name] = _ask(http, stack, sizes, path, _TIMES)
        stored = http.get("/v1/stats").json()["stored"]
        if stored != count:
            raise AssertionError(f"{stored} of {count} results are known")
        costs["whole list"] = _walk(stack, sizes, count)
        for file_format, times in EXPORTS.items():
            path = f"/v1/export?format={file_format}"
            costs[f"export, {file_format}"] = _ask(http, stack, sizes, path, times)
        costs["plots"] = _plots(http, sizes, count)
    return costs


def _ask(http: httpx.Client, stack: LocalStack, sizes: Sizes, path: str, times: int = 1) -> Cost:
    seconds: list[float] = []
    received, lines, spent = 0, 0, _spent_s(stack)
    with sizes.watched() as peaks:
        for age in range(20, 20 + times):
            begin, received, lines = time.monotonic(), 0, 0
            with http.stream("GET", path.format(age=age, older=age + 5)) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_raw():
                    received += len(chunk)
                    lines += chunk.count(b"\n")
            seconds.append(time.monotonic() - begin)
    cpu_s = (_spent_s(stack) - spent) / times
    p95_s = sorted(seconds)[min(times - 1, int(0.95 * times))]
    return Cost(
        round(statistics.median(seconds), 4),
        received,
        peaks,
        round(p95_s, 4),
        round(cpu_s, 4),
        lines,
    )


def _spent_s(stack: LocalStack) -> float:
    """CPU seconds of the services that answer, since they began."""
    times = [stack.main_process(name).cpu_times() for name in _ANSWERING]
    return sum(one.user + one.system for one in times)


def _walk(stack: LocalStack, sizes: Sizes, count: int) -> Cost:
    begin = time.monotonic()
    with sizes.watched() as peaks:
        seen = sum(1 for _ in stack.api.images())
    if seen != count:
        raise AssertionError(f"the list shows {seen} of {count} images")
    return Cost(round(time.monotonic() - begin, 2), 0, peaks)


def _plots(http: httpx.Client, sizes: Sizes, count: int) -> Cost:
    """Until the plots that somebody looks at are those of all results."""
    begin = time.monotonic()
    with sizes.watched() as peaks:
        while True:
            plots = http.get("/v1/plots").raise_for_status().json()["plots"]
            if len(plots) >= 1 and _faces_drawn(http, plots[0]["name"]):
                break
            if time.monotonic() > begin + _PATIENCE_S:
                raise AssertionError(f"no plots of {count} results")
            time.sleep(0.2)
    return Cost(round(time.monotonic() - begin, 2), 0, peaks)


def _faces_drawn(http: httpx.Client, name: str) -> bool:
    answer = http.get(f"/v1/plots/{name}.json")
    return answer.status_code == httpx.codes.OK and any(
        any(series["values"]) for series in answer.json()["series"]
    )


def table(costs: dict[str, Cost]) -> Iterator[str]:
    """The figures for people."""
    yield f"{'question':24}{'seconds':>10}{'p95':>8}{'CPU':>8}{'MB sent':>10}   peak RSS, MB"
    for name, cost in costs.items():
        peaks = ", ".join(f"{who} {mb:.0f}" for who, mb in sorted(cost.peak_mb.items()))
        yield (
            f"{name:24}{cost.seconds:10.3f}{cost.p95_s:8.3f}{cost.cpu_s:8.3f}"
            f"{cost.received_bytes / 1e6:10.1f}   {peaks}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    count: int = parser.parse_args().images
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="facepipe-many-") as folder:
        stack = LocalStack.prepare(Path(folder))
        make_results(stack.volumes / "saved_data", count)
        ledger_mb = (
            sum(file.stat().st_size for file in (stack.volumes / "saved_data" / ".index").iterdir())
            / 1e6
        )
        try:
            stack.verb("start")
            stack.wait_ready()
            costs = measure(stack, count)
        finally:
            stack.verb("stop", check=False)
    for line in table(costs):
        print(line)
    figures = {
        "images": count,
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "ledger_mb": round(ledger_mb, 1),
        "costs": {name: asdict(cost) for name, cost in costs.items()},
    }
    _RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written to {_RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
