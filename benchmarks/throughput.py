"""`make bench`: the stack beside what its models cost, in one run.

A stack of its own is started on free ports. For three kinds of photographs, the same ones go in
turns through the bound (`benchmarks.bound`), the stack, and one plain FastAPI process
(`benchmarks.afternoon`); all at once for the throughput, one at a time for the latency. At the end
the stack is left alone, to see what it costs when nobody needs it. Written to
`benchmarks/results/throughput.json`; `--quick` shows in a minute or two that it works.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from benchmarks.contenders import Afternoon, Bound, Run, Whole
from benchmarks.costs import memory_mb, spent_at_rest
from benchmarks.syncs import syncs_during
from tools.paths import ROOT
from tools.stack.demo import astronaut
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import collage, portrait_paths

_RESULTS = ROOT / "benchmarks" / "results" / "throughput.json"
_GROUP, _COLUMNS = 20, 5
_LARGE = (4000, 3000)
_SENDERS = 2 * (os.cpu_count() or 1) + 2
_IDLE_S = 60.0
_QUICK_IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Kind:
    """Photographs of one kind, and how many of them go through in a round."""

    name: str
    photos: Sequence[bytes]
    at_once: int
    singly: int


@dataclass
class Rounds:
    """What was measured of one kind, a value a round."""

    bound: list[Run] = field(default_factory=list)
    stack: list[Run] = field(default_factory=list)
    afternoon: list[Run] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    stack_s: list[float] = field(default_factory=list)
    syncs: int | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few photographs; writes nothing")
    arguments = parser.parse_args()
    share = 6 if arguments.quick else 1
    rounds = 1 if arguments.quick else arguments.rounds
    kinds = [
        Kind("portrait", [p.read_bytes() for p in _portraits()], 30 // share, 12 // share),
        Kind("group of 20", [collage(_some(_portraits(), _GROUP), _COLUMNS)], 6 // share or 1, 1),
        Kind("12 megapixels", [_large()], 12 // share, 3 // share or 1),
    ]
    load_before = os.getloadavg()[0]  # a stack that starts is a load itself
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
    environment |= {"FACEPIPE_ENV_FILE": os.devnull, "FACEPIPE_TELEMETRY_ENABLED": "false"}
    with tempfile.TemporaryDirectory(prefix="facepipe-bench-") as name, ExitStack() as cleanup:
        stack = LocalStack.prepare(Path(name) / "stack")
        cleanup.callback(stack.verb, "stop", check=False)
        stack.verb("start")
        bound = cleanup.enter_context(Bound.started(Path(name) / "bound", environment))
        afternoon = cleanup.enter_context(Afternoon.started(environment))
        report: dict[str, Any] = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "models": _models(stack),
            "load_before": load_before,
            "kinds": {},
        }
        for kind in kinds:
            measured = _measure(kind, rounds, bound, Whole(stack), afternoon, Path(name))
            report["kinds"][kind.name] = summary(kind, measured) | {"load": os.getloadavg()[0]}
            print(json.dumps({kind.name: report["kinds"][kind.name]}, indent=1), flush=True)
        report["idle"] = _idle(stack, _QUICK_IDLE_S if arguments.quick else _IDLE_S)
        report["load_after"] = os.getloadavg()[0]
    print(json.dumps(report["idle"], indent=1))
    if not arguments.quick:
        _RESULTS.write_text(json.dumps(report, indent=2) + "\n")
        print(f"written to {_RESULTS.relative_to(ROOT)}")
    return 0


def _measure(
    kind: Kind, rounds: int, bound: Bound, whole: Whole, afternoon: Afternoon, folder: Path
) -> Rounds:
    paths = [folder / f"photo-{number}" for number in range(len(kind.photos))]
    for path, data in zip(paths, kind.photos, strict=True):
        path.write_bytes(data)
    measured = Rounds()
    some, few = _some(paths, kind.at_once), _some(paths, kind.singly)
    bound.run(some[:2])  # whatever is slow the first time
    whole.latencies(_fresh(few[:1]))
    afternoon.run(_fresh(few[:1]), 1)
    for _ in range(rounds):
        measured.bound.append(bound.run(some))
        measured.stack.append(whole.run(_fresh(some), _SENDERS))
        measured.afternoon.append(afternoon.run(_fresh(some), _SENDERS))
        measured.bare_s += bound.latencies(few)
        measured.stack_s += whole.latencies(_fresh(few))
    measured.syncs = syncs_during(whole.stack, lambda: whole.run(_fresh(some), _SENDERS))
    return measured


def summary(kind: Kind, measured: Rounds) -> dict[str, Any]:
    """Rates in images/s, CPU in ms an image, latency in ms; medians, with smallest and largest."""
    count = kind.at_once
    ratios = [b.wall_s / s.wall_s for b, s in zip(measured.bound, measured.stack, strict=True)]
    bound_cpu = statistics.median(run.cpu_s for run in measured.bound)
    stack_cpu = statistics.median(run.cpu_s for run in measured.stack)
    by_process: Counter[str] = Counter()
    commands, moved, calls, decodes = 0, 0.0, 0, 0
    for run in measured.stack:
        by_process += run.spent.cpu_s
        commands, moved = commands + run.spent.redis_commands, moved + run.spent.redis_mb
        calls += run.spent.store_calls
        decodes += run.spent.jpeg_decodes
    images = count * len(measured.stack)
    return {
        "images": images,
        "faces an image": measured.bound[0].faces / count,
        "bound": _spread([count / run.wall_s for run in measured.bound]),
        "stack": _spread([count / run.wall_s for run in measured.stack]),
        "one FastAPI process": _spread([count / run.wall_s for run in measured.afternoon]),
        "stack ÷ bound": _spread(ratios),
        "CPU, bound": round(1000 * bound_cpu / count),
        "CPU, stack": round(1000 * stack_cpu / count),
        "CPU beyond the bound, share": round(stack_cpu / bound_cpu - 1, 3),
        "CPU by process": {
            process: round(1000 * seconds / images, 1)
            for process, seconds in by_process.most_common()
        },
        "Redis commands an image": round(commands / images, 1),
        "Redis MB an image": round(moved / images, 2),
        "gRPC calls an image": round(calls / images, 1),
        "JPEG decodes an image": round(decodes / images, 1),
        "syncs an image": None if measured.syncs is None else round(measured.syncs / count, 1),
        "latency, bare": _quantiles(measured.bare_s),
        "latency, stack": _quantiles(measured.stack_s),
    }


def _idle(stack: LocalStack, seconds: float) -> dict[str, Any]:
    spent = spent_at_rest(stack, min(seconds, 10.0), seconds)
    return spent | {"memory, MB": round(memory_mb(stack))}


def _models(stack: LocalStack) -> Any:
    (path,) = _some(_portraits(), 1)
    answer = stack.api.analyse(path.read_bytes())
    return {
        part: f"{model.name} {(model.sha256 or '')[:8]}".strip()
        for part, model in answer.models
        if model is not None
    }


def _portraits() -> list[Path]:
    return portrait_paths() or [Path(astronaut())]


def _large() -> bytes:
    """A portrait of 12 megapixels."""
    buffer = io.BytesIO()
    with Image.open(_portraits()[0]) as image:
        ImageOps.pad(image.convert("RGB"), _LARGE).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _some(paths: Sequence[Path], count: int) -> list[Path]:
    return [paths[number % len(paths)] for number in range(count)]


def _fresh(paths: Sequence[Path]) -> list[bytes]:
    """The same photographs under other ids: decoders stop where the image ends."""
    return [path.read_bytes() + os.urandom(16) for path in paths]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def _quantiles(seconds: Sequence[float]) -> dict[str, int]:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"p50": round(1000 * statistics.median(ordered)), "p95": round(1000 * p95)}


if __name__ == "__main__":
    sys.exit(main())
