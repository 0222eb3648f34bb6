"""Markdown from figures: tables, and the list of what was asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.accuracy.musts import Figures


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def musts(report: Figures, model: str) -> str:
    rows = [
        [must["must"], _asked(must), _value(must, must["reached"]), _yes(must["met"])]
        for must in report["musts"]
        if must["model"] == model
    ]
    return table(["must", "asked for", "reached", "met"], rows)


def sample(every: int, whole: str) -> str:
    """How much of the data was measured."""
    if every == 1:
        return f"Measured on all of {whole}."
    return f"**A quick pass, on one in {every} alone** of {whole}: too rough to judge goals by."


def numbers(values: Figures, form: str) -> Iterator[str]:
    return (form.format(value) for value in values.values())


def percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _asked(must: Figures) -> str:
    least, most = (None if must[k] is None else _value(must, must[k]) for k in ("least", "most"))
    if least and most:
        return f"{least} to {most}"
    return f"at least {least}" if least else f"at most {most}"


def _value(must: Figures, value: float) -> str:
    return percent(value) if must["is_share"] else f"{value:.3f}".rstrip("0").rstrip(".")


def _yes(met: bool | None) -> str:
    if met is None:
        return "not judged"
    return "yes" if met else "**no**"
