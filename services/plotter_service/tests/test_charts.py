from __future__ import annotations

import struct
from xml.etree import ElementTree as ET

import pytest

from facepipe.domain.analysis import Gender
from facepipe.ledger.states import Accuracy, StepTime
from plotter_service import charts
from plotter_service.plots import NAMES, Plot, plots_of
from plotter_service.statistics import (
    AGE_BINS,
    CONFIDENCE_BINS,
    Statistics,
    timeline,
)
from plotter_service.unfolding import confusion_of

FULL = Statistics(
    images=1200,
    faces=3400,
    faces_with_age=3000,
    reliable_faces=2500,
    ages={gender: list(range(AGE_BINS)) for gender in Gender},
    genders={Gender.FEMALE: 1500, Gender.MALE: 1400, Gender.UNKNOWN: 500},
    confidences=list(range(CONFIDENCE_BINS)),
    faces_per_image={0: 100, 1: 800, 10: 7},
    step_times={"store": StepTime(9, 20, 1200), "detect": StepTime(41.25, 80, 1200)},
    timeline=timeline({29_000_000 + minute: 3 for minute in range(50)}),
    accuracy=Accuracy(9, 40, 2, 4, 12, 3.5, 10, 9),
    confusion=confusion_of("open"),
)


def texts(svg: bytes) -> list[str]:
    # Our own file; nothing in it comes from outside.
    root = ET.fromstring(svg)  # noqa: S314
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("plot", plots_of(FULL), ids=lambda plot: plot.name)
def test_a_plot_says_what_it_shows(plot: Plot) -> None:
    # when
    figure = charts.draw(plot)
    png, svg = charts.render(figure, "png"), charts.render(figure, "svg")

    # then
    assert {plot.title, plot.x_label, plot.y_label, plot.note} <= set(texts(svg))
    assert struct.unpack(">II", png[16:24]) == (1200, 675)


@pytest.mark.parametrize("plot", plots_of(Statistics()), ids=lambda plot: plot.name)
def test_without_results_a_plot_says_so(plot: Plot) -> None:
    assert plot.is_empty
    assert {"No results yet", plot.title} <= set(texts(charts.render(charts.draw(plot), "svg")))


def test_the_same_plot_gives_the_same_bytes() -> None:
    plot = plots_of(FULL)[0]
    first, second = (charts.render(charts.draw(plot), "svg") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("statistics", [FULL, Statistics()])
def test_each_series_has_a_value_for_each_category(statistics: Statistics) -> None:
    for plot in plots_of(statistics):
        for series in plot.series:
            assert len(series.values) == len(plot.categories) or plot.is_empty


def test_names_are_those_of_the_plots() -> None:
    assert [plot.name for plot in plots_of(FULL)] == list(NAMES)


def test_steps_stand_in_the_order_of_the_pipeline() -> None:
    (times,) = (plot for plot in plots_of(FULL) if plot.name == "stage_times")
    assert times.categories == ["detect", "store"]
