"""Blocks of the README and of docs/performance.md, from what `make bench` wrote. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.accuracy.markdown import percent, table

Figures = Mapping[str, Any]
PORTRAIT = "portrait"
_LEAST_RATIO = {PORTRAIT: 0.8}
_QUIET_LOAD = 1.0
_DAY_MS = 86_400_000
_BEFORE_CPU_MS = {  # the stack of early November 2026, with its models, a portrait
    "landmark_service worker": 600,
    "data_storage_service": 102,
    "plotter_service worker": 96,
    "data_storage_service worker": 76,
    "agegender_service worker": 64,
    "input_service": 56,
    "gradio_viewer": 35,
    "redis-server": 22,
    "logger_service": 10,
}
_BEFORE_BOUND_MS = 415


def performance_blocks(report: Figures) -> dict[str, str]:
    """By the names of their markers."""
    return {
        "musts": _musts(report),
        "rates": _rates(report),
        "profile": _profile(report),
        "sizing": _sizing(report),
        "run": _run(report),
    }


def throughput_block(report: Figures) -> str:
    """Two lines for the README: of CPU time alone, which other load hardly changes."""
    portrait, idle = report["kinds"][PORTRAIT], report["idle"]["CPU, share of one core"]
    return (
        f"A portrait costs {portrait['CPU, stack']} ms of one core, {portrait['CPU, bound']} ms of "
        "it what one program would need at least;\n"
        f"at rest the whole stack takes {percent(idle)} of one core. "
        "[docs/performance.md](docs/performance.md) tells which goals that misses."
    )


def _musts(report: Figures) -> str:
    kinds, idle = report["kinds"], report["idle"]["CPU, share of one core"]
    portrait, is_quiet = kinds[PORTRAIT], report["load_before"] < _QUIET_LOAD
    above = portrait["latency, stack"]["p50"] - portrait["latency, bare"]["p50"]
    beyond = portrait["CPU beyond the bound, share"]
    rows = [
        [
            f"stack ÷ bound, {name}",
            "0.37" if name == PORTRAIT else "not measured",
            f"at least {_LEAST_RATIO.get(name, 0.75)}",
            f"{kind['stack ÷ bound']['median']:.2f}",
            _met(kind["stack ÷ bound"]["median"] >= _LEAST_RATIO.get(name, 0.75), is_quiet),
        ]
        for name, kind in kinds.items()
    ]
    by_cpu = portrait["CPU, bound"] / portrait["CPU, stack"]
    rows += [
        ["the same by CPU time, portraits", "0.39", "at least 0.8", f"{by_cpu:.2f}",
         _met(by_cpu >= _LEAST_RATIO[PORTRAIT])],
        ["CPU beyond the bound, a portrait", "1.56", "at most 0.25", f"{beyond:.2f}",
         _met(beyond <= 0.25)],
        ["latency of a portrait, p50 above bare", "about 320 ms", "at most 80 ms", f"{above} ms",
         _met(above <= 80, is_quiet)],
        ["idle stack, CPU of one core", "over 10 %", "at most 2 %", percent(idle),
         _met(idle <= 0.02)],
    ]  # fmt: skip
    return table(["figure", "before", "must", "now", "met"], rows)


def _rates(report: Figures) -> str:
    rates = ["bound", "stack", "one FastAPI process", "stack ÷ bound"]
    latencies = ["latency, bare", "latency, stack"]
    rows = [
        [
            name,
            f"{kind['faces an image']:g}",
            *(_spread(kind[who]) for who in rates),
            *(f"{kind[of]['p50']} / {kind[of]['p95']} ms" for of in latencies),
        ]
        for name, kind in report["kinds"].items()
    ]
    ends = [f"{latency}, p50 / p95" for latency in latencies]
    return table(["photographs", "faces", *rates, *ends], rows)


def _profile(report: Figures) -> str:
    kinds, idle = report["kinds"].values(), report["idle"]
    seen = [name for kind in kinds for name in kind["CPU by process"]]
    rows: list[list[Any]] = [
        [
            name,
            _BEFORE_CPU_MS.get(name, ""),
            *(kind["CPU by process"].get(name, 0) for kind in kinds),
            percent(idle["CPU by process, share of one core"].get(name, 0)),
        ]
        for name in dict.fromkeys([*seen, *_BEFORE_CPU_MS])
    ]
    whole = [kind["CPU, stack"] for kind in kinds]
    before = sum(_BEFORE_CPU_MS.values())
    rows.append(["**stack**", before, *whole, percent(idle["CPU, share of one core"])])
    rows.append(["**bound**", _BEFORE_BOUND_MS, *(kind["CPU, bound"] for kind in kinds), ""])
    counted = ("Redis commands", "Redis MB", "gRPC calls", "JPEG decodes", "syncs")
    for what in (f"{one} an image" for one in counted):
        rows.append([what, "", *(_counted(kind.get(what)) for kind in kinds), ""])
    return table(
        ["CPU, ms an image", "portrait, before", *report["kinds"], "idle, of one core"], rows
    )


def _sizing(report: Figures) -> str:
    rows = [
        [name, f"{kind['CPU, stack']} ms", f"{round(_DAY_MS / kind['CPU, stack'], -3):,.0f}"]
        for name, kind in report["kinds"].items()
    ]
    return table(["photographs", "CPU an image", "images a day, a core"], rows)


def _run(report: Figures) -> str:
    loads = ", ".join(f"{kind['load']:.1f} after {name}" for name, kind in report["kinds"].items())
    models = "; ".join(f"{part}: {model}" for part, model in report["models"].items())
    return (
        f"{report['machine']}; {models}. Load of the machine: "
        f"{report['load_before']:.1f} before the first photograph, {loads}, "
        f"{report['load_after']:.1f} at the end. "
        f"Memory of all processes, idle: {report['idle']['memory, MB']} MB."
    )


def _counted(value: float | None) -> float | str:
    return "not counted" if value is None else value


def _spread(values: Figures) -> str:
    return f"{values['median']:.2f} ({values['min']:.2f}-{values['max']:.2f})"


def _met(met: bool, is_quiet: bool = True) -> str:
    """Wall clock on a busy machine judges nothing: more processes get more of the CPUs."""
    if not is_quiet:
        return "not judged, busy machine"
    return "yes" if met else "**no**"
