"""Blocks of docs/scaling.md, from what `make bench` and `benchmarks.scale` wrote. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.accuracy.markdown import percent, table
from tools.generate.performance import PORTRAIT

Figures = Mapping[str, Any]
_A_DAY = (10_000, 100_000, 500_000, 1_000_000, 5_000_000)
_BUSY = 0.5  # of the cores, so that a day's peak of twice the mean still fits
_HOST_CORES = 8
_WORKER_GB = 0.3  # of memory, each; a host has one a core of landmark_service, and one more
_FIRST_GB = 4.0
_MB_AN_IMAGE = 0.5
_ON_WORKER_HOSTS = ("landmark_service", "agegender_service")


def scaling_blocks(scale: Figures, speed: Figures) -> dict[str, str]:
    """By the names of their markers."""
    return {
        "linear": _linear(scale),
        "ceiling": _ceiling(scale),
        "sizes": _sizes(speed),
    }


def _linear(scale: Figures) -> str:
    rows = [
        [
            run["hosts"],
            f"{run['sleep_s']:g} s",
            run["images"],
            f"{run['images_per_s']:.2f}",
            percent(run["of_linear"]),
            percent(run["cpu_share"]),
            percent(run["machine_share"]),
            run["load_before"],
        ]
        for run in scale["linear"]
    ]
    head = ["worker hosts", "sleep a stage", "images", "images/s", "of linear"]
    return table([*head, "CPU of the stack", "CPU of the machine", "load before"], rows)


def _ceiling(scale: Figures) -> str:
    runs = scale["ceiling"]
    names = sorted({name for run in runs for name in run["cpu_ms"]})
    rows: list[list[Any]] = [
        ["images/s", *(f"{run['images_per_s']:.1f}" for run in runs)],
        ["CPU of the stack, of all cores", *(percent(run["cpu_share"]) for run in runs)],
        ["CPU of the machine", *(percent(run["machine_share"]) for run in runs)],
        ["commands of Redis, an image", *(run["redis_commands"] for run in runs)],
    ]
    rows += [[f"{n}, CPU ms an image", *(run["cpu_ms"].get(n, 0) for run in runs)] for n in names]
    return table(["", *(f"{run['database']}, {run['hosts']} hosts" for run in runs)], rows)


def _sizes(speed: Figures) -> str:
    spent: Figures = speed["kinds"][PORTRAIT]["CPU by process"]
    of_hosts = sum(ms for name, ms in spent.items() if name.startswith(_ON_WORKER_HOSTS))
    of_first = sum(spent.values()) - of_hosts
    return table(
        ["portraits a day", "a second", "cores for the rest", "cores for the models",
         f"worker hosts of {_HOST_CORES} cores", "memory", "disk a day"],
        [_size(a_day, of_first, of_hosts) for a_day in _A_DAY],
    )  # fmt: skip


def _size(a_day: int, of_first_ms: float, of_hosts_ms: float) -> list[Any]:
    a_second = a_day / 86_400
    first, models = (a_second * ms / 1000 / _BUSY for ms in (of_first_ms, of_hosts_ms))
    is_one = first + models <= _HOST_CORES
    hosts = 0 if is_one else math.ceil(models / _HOST_CORES)
    workers = math.ceil(models) if is_one else hosts * _HOST_CORES
    memory = _FIRST_GB + _WORKER_GB * (workers + max(1, hosts))
    return [
        f"{a_day:,}",
        f"{a_second:.1f}",
        f"{first:.1f}",
        f"{models:.1f}",
        hosts or "none: one machine",
        f"{memory:.0f} GB",
        f"{a_day * _MB_AN_IMAGE / 1000:,.0f} GB",
    ]
