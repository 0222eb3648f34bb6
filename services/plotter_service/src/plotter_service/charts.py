"""Draws plots with matplotlib, without its global state."""

from __future__ import annotations

import io
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plotter_service.plots import Plot, Series

# From the palette of Okabe and Ito, told apart with any colour vision; grey is "unknown".
_COLOURS = {
    "female": "#d55e00",
    "male": "#0072b2",
    "unknown": "#8a8a8a",
    "median": "#0072b2",
    "90th percentile": "#56b4e9",
}
_COLOUR = "#0072b2"
_INK, _FAINT_INK, _GRID = "#1c1c1c", "#595959", "#e3e3e3"
_SIZE_INCHES = (8.0, 4.5)
_DPI = 150
_MAX_TICKS = 12
# Any: matplotlib types the keys one by one.
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT_INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "svg.fonttype": "none",  # text stays text: searchable, and read aloud
    "svg.hashsalt": "facepipe",  # the same plot gives the same bytes
}


def draw(plot: Plot) -> Figure:
    """A figure of 8 x 4.5 inches: title, axes with labels and units, what was counted."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(plot.title, loc="left", fontsize=15, fontweight="bold", pad=26)
        if plot.is_empty:
            _draw_empty(axes)
        elif plot.mirrored:
            _draw_pyramid(axes, plot)
            axes.text(0, 1.02, plot.note, transform=axes.transAxes, color=_FAINT_INK, fontsize=10)
        else:
            _draw_bars(axes, plot)
            axes.text(0, 1.02, plot.note, transform=axes.transAxes, color=_FAINT_INK, fontsize=10)
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def render(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """The figure as a file."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if file_format == "svg" else {"Software": None}
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def _draw_empty(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(
        0.5, 0.5, "No results yet", transform=axes.transAxes, ha="center", va="center",
        color=_FAINT_INK, fontsize=14,
    )  # fmt: skip


def _draw_pyramid(axes: Axes, plot: Plot) -> None:
    """The first series to the left, the other to the right, with their intervals."""
    places = range(len(plot.categories))
    for side, series in zip((-1, 1), plot.series, strict=True):
        values = [side * value for value in series.values]
        axes.barh(places, values, 0.85, color=_COLOURS.get(series.name), label=series.name)
        if series.low and series.high:
            ends = zip(series.values, series.low, series.high, strict=True)
            off = list(
                zip(*((value - low, high - value) for value, low, high in ends), strict=True)
            )
            off = off if side > 0 else off[::-1]
            axes.errorbar(
                values, places, xerr=off, fmt="none", ecolor=_INK, elinewidth=1, capsize=3
            )
    axes.axvline(0, color="white", linewidth=1.5)
    axes.set_axisbelow(True)
    axes.set_yticks(places, plot.categories)
    axes.invert_yaxis()
    axes.grid(axis="x", color=_GRID)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _place: _number(abs(value)))
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1.06), ncols=2)


def _draw_bars(axes: Axes, plot: Plot) -> None:
    places = range(len(plot.categories))
    width = 0.85 if plot.stacked else 0.8 / len(plot.series)
    below = [0.0] * len(plot.categories)
    for index, series in enumerate(plot.series):
        colour = _colours(plot, series)
        if plot.stacked:
            at = [float(place) for place in places]
        else:
            at = [place + (index - (len(plot.series) - 1) / 2) * width for place in places]
        if plot.horizontal:
            bars = axes.barh(at, series.values, width, color=colour, label=series.name)
            axes.bar_label(bars, fmt=_number, padding=3, fontsize=9)
        else:
            bottom = list(below) if plot.stacked else None
            axes.bar(
                at, series.values, width, bottom=bottom, color=colour, label=series.name,
                edgecolor="white", linewidth=0.6,
            )  # fmt: skip
            below = [low + value for low, value in zip(below, series.values, strict=True)]
    _set_axes(axes, plot)
    if len(plot.series) > 1:
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


def _colours(plot: Plot, series: Series) -> list[str]:
    """One colour a series; where there is one series alone, those of the categories."""
    if len(plot.series) > 1:
        return [_COLOURS.get(series.name, _COLOUR)] * len(plot.categories)
    return [_COLOURS.get(category, _COLOUR) for category in plot.categories]


def _set_axes(axes: Axes, plot: Plot) -> None:
    axes.set_axisbelow(True)
    if plot.horizontal:
        axes.set_yticks(range(len(plot.categories)), plot.categories)
        axes.invert_yaxis()
        axes.grid(axis="x", color=_GRID)
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _place: _number(value))
        return
    step = -(-len(plot.categories) // _MAX_TICKS)
    long = max(map(len, plot.categories)) > 6
    axes.set_xticks(
        range(0, len(plot.categories), step),
        plot.categories[::step],
        rotation=30 if long else 0,
        ha="right" if long else "center",
    )
    axes.grid(axis="y", color=_GRID)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _place: _number(value))


def _number(value: float) -> str:
    """As people read it: `12,345`, `41.5`."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
