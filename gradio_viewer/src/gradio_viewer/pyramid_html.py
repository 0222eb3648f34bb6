"""A pyramid of ages: women to the left, men to the right, with the intervals of the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gradio_viewer.bar_links import Search, images_of
from gradio_viewer.markup import Html, tag

Json = Mapping[str, Any]
_SIDES = ("left", "right")


class _Half(NamedTuple):
    """A bar, the ends of its interval, and whose it is."""

    gender: str
    value: float
    low: float
    high: float
    is_judged: bool


def pyramid(plot: Json, search: Search) -> Html:
    """A row for each band of ages, the oldest above."""
    rows = [(str(label), halves) for label, halves in _rows(plot)]
    most = max((half.high for _, halves in rows for half in halves), default=0.0) or 1.0
    drawn = [_row(str(plot.get("name")), label, halves, most, search) for label, halves in rows]
    axis = tag("span", str(plot.get("x_label") or ""), class_="fp-axis")
    return tag("div", *drawn, axis, class_="fp-pyramid")


def _rows(plot: Json) -> Iterator[tuple[object, list[_Half]]]:
    for n, label in enumerate(plot.get("categories") or []):
        yield label, [_half(one, n) for one in plot["series"]]


def _half(series: Json, n: int) -> _Half:
    value, low, high = (
        float(numbers[n]) if len(numbers := series.get(key) or []) > n else None
        for key in ("values", "low", "high")
    )
    value = value or 0.0
    is_judged = low is not None and high is not None
    return _Half(
        str(series.get("name")),
        value,
        value if low is None else low,
        value if high is None else high,
        is_judged,
    )


def _row(plot: str, label: str, halves: list[_Half], most: float, search: Search) -> Html:
    left, right = (
        _side(plot, label, half, side, most, search)
        for half, side in zip(halves, _SIDES, strict=True)
    )
    return tag("div", left, tag("span", label, class_="fp-band"), right, class_="fp-prow")


def _side(plot: str, label: str, half: _Half, side: str, most: float, search: Search) -> Html:
    said = f"{label} years, {half.gender}: {half.value:,.0f}"
    if half.is_judged:
        said += f", 80 % interval {half.low:,.0f} to {half.high:,.0f}"
    away = "right" if side == "left" else "left"
    low, high, value = (100 * n / most for n in (half.low, half.high, half.value))
    bar = tag(
        "a",
        class_=f"fp-{half.gender}",
        style=f"width:{value:.2f}%",
        href=images_of(plot, label, half.gender, search),
        title=f"{said}: show the images",
        aria_label=said,
    )
    line = tag(
        "i",
        class_="fp-whisker",
        style=f"{away}:{low:.2f}%;width:{high - low:.2f}%",
        aria_hidden="true",
    )
    number = tag(
        "b", f"{half.value:,.0f}", style=f"{away}:calc({high:.2f}% + 6px)", aria_hidden="true"
    )
    shown = half.high >= 0.5
    parts = [bar, line if half.is_judged and shown else None, number if shown else None]
    return tag("div", *parts, class_=f"fp-half fp-{side}-half")
