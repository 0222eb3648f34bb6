"""What much that waits or is kept may cost, for docs/performance.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.accuracy.markdown import percent, table

Figures = Mapping[str, Any]
_PAGES = {"first page": "list", "by age and gender": "filter by age and gender", "stats": "stats"}
_BEFORE_MS = {"first page": 68, "by age and gender": 285, "stats": 13}
_BEFORE_ROWS_S = {"csv": 4_800, "parquet": 8_200}
_MUST_MS = 50
_MUST_ROWS_S = 20_000
_FLAT_MB = 64
_WAITING = 10_000


def large_ledger_block(many: Figures, resting: Figures) -> str:
    """What is asked of 100,000 results, and what 10,000 waiting images take."""
    rows = [_page(many["costs"][key], key, name) for key, name in _PAGES.items()]
    rows += [_export(many, file_format) for file_format in ("csv", "parquet")]
    share = resting["waiting"]["CPU, share of one core"]
    rows.append(
        [f"{resting['images']:,} images waiting, CPU of one core", "not measured", "at most 5 %",
         percent(share),
         _met(share <= 0.05) if resting["images"] >= _WAITING else "not judged, too few"]
    )  # fmt: skip
    loads = f"{many['load_before']:.1f}-{many['load_after']:.1f}"
    return (
        table(["figure", "before", "must", "now", "met"], rows)
        + f"\n\n{many['images']:,} results; load of the machine {loads} while they were asked for, "
        f"{resting['load_before']:.1f}-{resting['load_after']:.1f} while images waited; "
        f"before them the same stack took {percent(resting['idle']['CPU, share of one core'])}."
    )


def _page(cost: Figures, key: str, name: str) -> list[str]:
    p95_ms = 1000 * cost["p95_s"]
    now = f"{p95_ms:.0f} ms (CPU {1000 * cost['cpu_s']:.0f} ms)"
    before = f"{_BEFORE_MS[key]} ms, median"
    return [f"{name}, p95", before, f"at most {_MUST_MS} ms", now, _met(p95_ms <= _MUST_MS)]


def _export(many: Figures, file_format: str) -> list[str]:
    costs = many["costs"]
    cost, idle = costs[f"export, {file_format}"], costs["nothing"]
    rows_s = (costs["export, csv"]["lines"] - 1) / cost["seconds"]
    more_mb = max(mb - idle["peak_mb"][name] for name, mb in cost["peak_mb"].items())
    is_met = rows_s >= _MUST_ROWS_S and more_mb <= _FLAT_MB
    return [
        f"export, {file_format}",
        f"{_BEFORE_ROWS_S[file_format]:,} rows/s",
        f"at least {_MUST_ROWS_S:,} rows/s, memory flat",
        f"{round(rows_s, -2):,.0f} rows/s, {more_mb:.0f} MB more",
        _met(is_met),
    ]


def _met(met: bool) -> str:
    return "yes" if met else "**no**"
