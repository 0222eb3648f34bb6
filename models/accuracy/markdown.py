"""Markdown from figures: tables, and the list of what was asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.accuracy.targets import Figures


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def targets(report: Figures, model: str) -> str:
    rows = [
        [target["target"], _asked(target), _value(target, target["reached"]), _yes(target["met"])]
        for target in report["targets"]
        if target["model"] == model
    ]
    return table(["target", "asked for", "reached", "met"], rows)


def sample(every: int, whole: str) -> str:
    """How much of the data was measured."""
    if every == 1:
        return f"Measured on all of {whole}."
    return f"**A quick pass, on one in {every} alone** of {whole}: too rough to judge goals by."


def numbers(values: Figures, form: str) -> Iterator[str]:
    return (form.format(value) for value in values.values())


def percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _asked(target: Figures) -> str:
    least, most = (
        None if target[k] is None else _value(target, target[k]) for k in ("least", "most")
    )
    if least and most:
        return f"{least} to {most}"
    return f"at least {least}" if least else f"at most {most}"


def _value(target: Figures, value: float) -> str:
    return percent(value) if target["is_share"] else f"{value:.3f}".rstrip("0").rstrip(".")


def _yes(met: bool | None) -> str:
    if met is None:
        return "not judged"
    return "yes" if met else "**no**"
