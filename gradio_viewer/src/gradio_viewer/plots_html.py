"""The plots, drawn in the page from their data: in its type and colours, light and dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gradio_viewer.bar_links import Search, images_of
from gradio_viewer.markup import Html, join, notice, tag
from gradio_viewer.pyramid_html import pyramid

Json = Mapping[str, Any]
NAME = re.compile(r"^[a-z0-9_]{1,64}$")
# Signs below all columns of a plot that can be read beside each other.
_MOST_SIGNS = 72
_MOST_NUMBERS = 12
_SERIES = {"female": "fp-female", "male": "fp-male", "unknown": "fp-unknown"}


def plots(found: Sequence[Json], search: Search = MappingProxyType({})) -> Html:
    """The plots side by side; those without a number are left out.

    Args:
        found: the data of the plots.
        search: that was shown; a bar leads to those of its images.
    """
    drawn = [plot for plot in found if NAME.match(str(plot.get("name"))) and _most(plot) > 0]
    if not drawn and search:
        return notice("No result is like that. Take a filter away to see more.", "empty")
    if not drawn:
        return notice(
            "There are no plots yet: they are drawn when the first results are stored.", "empty"
        )
    return tag("div", *[_plot(plot, search) for plot in drawn], class_="fp-plots")


def _plot(plot: Json, search: Search) -> Html:
    name = str(plot["name"])
    series = plot.get("series") or []
    several = len(series) > 1
    if plot.get("mirrored") and len(series) == 2:
        bars = pyramid(plot, search)
    else:
        bars = _rows(plot, search) if plot.get("horizontal") else _columns(plot, search)
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("h2", str(plot.get("title") or name)),
            _legend(series) if several else None,
        ),
        bars,
        tag(
            "p",
            tag("span", str(plot.get("note") or ""), class_="fp-dim"),
            tag(
                "span",
                tag("a", "PNG", href=f"/plots/{name}.png", download=True),
                tag("a", "SVG", href=f"/plots/{name}.svg", download=True),
                class_="fp-as",
            )
            if not search
            else None,  # the files show all results
            class_="fp-note",
        ),
        class_="fp-plot",
        data_plot=name,
    )


def _legend(series: Sequence[Json]) -> Html:
    return tag(
        "span",
        *[
            tag("span", tag("i", class_=_colour(one)), str(one.get("name")))
            for one in series
            if any(one.get("values") or [])
        ],
        class_="fp-legend",
    )


def _colour(series: Json, label: str = "") -> str:
    return _SERIES.get(str(series.get("name"))) or _SERIES.get(label, "fp-plain")


def _stacks(plot: Json) -> list[tuple[str, list[tuple[Json, float]]]]:
    """Of each category its label and the values of all series."""
    series = plot.get("series") or []
    return [
        (str(category), [(one, float((one.get("values") or [])[n])) for one in series])
        for n, category in enumerate(plot.get("categories") or [])
        if all(len(one.get("values") or []) > n for one in series)
    ]


def _most(plot: Json) -> float:
    of = sum if plot.get("stacked") else max
    return max((of(v for _, v in values) for _, values in _stacks(plot) if values), default=0.0)


def _trimmed(plot: Json) -> list[tuple[str, list[tuple[Json, float]]]]:
    """Without the empty categories at both ends."""
    stacks = _stacks(plot)
    full = [n for n, (_, values) in enumerate(stacks) if any(value for _, value in values)]
    return stacks[full[0] : full[-1] + 1] if full else []


def _columns(plot: Json, search: Search) -> Html:
    most = _most(plot)
    stacks = _trimmed(plot)
    signs = sum(len(label) + 1 for label, _ in stacks)
    every = max(1, -(-signs // _MOST_SIGNS))  # no more labels than can be read
    is_one = bool(plot.get("stacked")) or len(plot.get("series") or []) == 1
    says_each = len(stacks) <= _MOST_NUMBERS and is_one
    columns = [
        tag(
            "div",
            tag(
                "div",
                *[
                    _bar(plot, search, label, one, value, "height", most)
                    for one, value in values
                    if value
                ],
                _height(sum(value for _, value in values), most) if says_each else None,
                class_="fp-col",
            ),
            tag("span", label if n % every == 0 else "\u00a0"),
            class_="fp-cat fp-spare" if n // every % 2 else "fp-cat",
        )
        for n, (label, values) in enumerate(stacks)
    ]
    kind = "fp-columns fp-stacked" if plot.get("stacked") else "fp-columns"
    axis = join(
        None if says_each else tag("span", f"{most:,g}", class_="fp-top"),
        tag("div", *columns, class_=kind),
        tag("span", str(plot.get("x_label") or ""), class_="fp-axis"),
    )
    return tag("div", axis, class_="fp-chart")


def _height(value: float, most: float) -> Html | None:
    """The number over a column."""
    return tag("b", f"{value:,g}", style=f"bottom:{100 * value / most:.2f}%") if value else None


def _rows(plot: Json, search: Search) -> Html:
    most = _most(plot)
    rows = [
        tag(
            "div",
            tag("span", label),
            tag(
                "div",
                *[_bar(plot, search, label, one, value, "width", most) for one, value in values],
                class_="fp-track",
            ),
            tag("b", " / ".join(f"{value:,.0f}" for _, value in values)),
            class_="fp-hrow",
        )
        for label, values in _stacks(plot)
    ]
    return tag(
        "div",
        *rows,
        tag("span", str(plot.get("x_label") or ""), class_="fp-axis"),
        class_="fp-hrows",
    )


def _bar(
    plot: Json, search: Search, label: str, series: Json, value: float, along: str, most: float
) -> Html:
    said = f"{label}: {value:,.6g} {series.get('name')}"
    style = f"{along}:{100 * value / most if most else 0:.2f}%"
    link = images_of(str(plot.get("name")), label, str(series.get("name")), search)
    if link is None:
        return tag("i", class_=_colour(series, label), style=style, title=said)
    return tag(
        "a", class_=_colour(series, label), style=style, title=f"{said}: show the images",
        href=link, aria_label=said,
    )  # fmt: skip
