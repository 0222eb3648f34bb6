"""The trace of an image: spans as bars on a common time axis, log lines below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gradio_viewer import words
from gradio_viewer.markup import Html, clock, notice, tag

Json = Mapping[str, Any]
MAX_DEPTH = 12
MAX_LINES = 300


def trace(found: Json) -> Html:
    """Spans and log lines of one image."""
    spans, lines = found.get("spans") or [], found.get("logs") or []
    if not spans and not lines:
        return notice("Nothing was logged about this image, or its log has been removed.")
    parts = [_bars(spans) if spans else None, _lines(lines) if lines else None]
    return tag("div", *parts, class_="fp-trace")


def ordered(spans: Sequence[Json]) -> list[tuple[int, Json]]:
    """Spans as a tree, children below their parent by start, with their depth.

    A span whose parent is not there is a root; spans in a circle are left out.
    """
    known = {span["span_id"] for span in spans if span.get("span_id")}
    children: dict[str, list[Json]] = {}
    for span in sorted(spans, key=lambda span: str(span.get("time"))):
        parent = span.get("parent_id")
        children.setdefault(str(parent) if parent in known else "", []).append(span)
    rows: list[tuple[int, Json]] = []
    waiting = [(0, span) for span in reversed(children.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        rows.append((depth, span))
        below = children.pop(str(span.get("span_id") or "none"), [])
        waiting += [(min(depth + 1, MAX_DEPTH), child) for child in reversed(below)]
    return rows


def _bars(spans: Sequence[Json]) -> Html:
    moments = [m for span in spans for m in (_moment(span, "time"), _moment(span, "end")) if m]
    if not moments:
        return notice("The spans of this image carry no times.")
    first = min(moments)
    whole_ms = max(1.0, _ms(first, max(moments)))
    rows = [_bar(depth, span, first, whole_ms) for depth, span in ordered(spans)]
    head = tag("p", f"{words.duration(whole_ms)} from first to last", class_="fp-facts")
    return tag("div", head, *rows, class_="fp-bars")


def _bar(depth: int, span: Json, first: datetime, whole_ms: float) -> Html:
    start = _moment(span, "time") or first
    left = 100 * _ms(first, start) / whole_ms
    width = max(0.4, 100 * float(span.get("duration_ms") or 0) / whole_ms)
    left, width = min(left, 99.6), min(width, 100 - min(left, 99.6))
    failed = span.get("status") == "error"
    name = tag(
        "span",
        tag("b", str(span.get("name"))),
        tag("span", str(span.get("service")).removesuffix("_service"), class_="fp-dim"),
        class_="fp-span",
        style=f"padding-left:{depth * 0.8:.1f}em",
    )
    bar = tag(
        "span",
        tag("i", style=f"left:{left:.2f}%;width:{width:.2f}%"),
        class_="fp-track fp-bad" if failed else "fp-track",
        title=str(span.get("error") or "") or None,
    )
    took = tag("span", words.duration(float(span.get("duration_ms") or 0)), class_="fp-took")
    return tag("div", name, bar, took, class_="fp-spanrow")


def _lines(lines: Sequence[Json]) -> Html:
    rows = [
        tag(
            "tr",
            tag("td", clock(str(line.get("time")))),
            tag("td", str(line.get("level")), class_=_level_class(str(line.get("level")))),
            tag("td", str(line.get("service")).removesuffix("_service")),
            tag("td", str(line.get("message"))),
        )
        for line in lines[:MAX_LINES]
    ]
    more = len(lines) - MAX_LINES
    note = notice(f"{more} more lines are in the log.") if more > 0 else None
    return tag("div", tag("table", tag("tbody", *rows)), note, class_="fp-log")


def _level_class(level: str) -> str:
    return {"WARNING": "fp-doubt", "ERROR": "fp-badtext", "CRITICAL": "fp-badtext"}.get(
        level, "fp-dim"
    )


def _moment(span: Json, key: str) -> datetime | None:
    return words.parse_moment(str(span.get(key) or ""))


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
