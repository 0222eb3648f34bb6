"""The job of the queue `plots`: draw all plots anew.

Whoever stores a result asks for it with `facepipe.jobs.enqueue_plots`, and at most one job
waits. A job that comes too soon after the last drawing puts itself off.
"""

from __future__ import annotations

import logging
import os

from redis import Redis

from facepipe.errors import FacepipeError
from facepipe.jobs import enqueue_plots
from facepipe.redis_connection import connect_redis
from plotter_service.cache import ResultCache
from plotter_service.files import PlotFiles
from plotter_service.plots import plots_of
from plotter_service.settings import PlotterServiceSettings
from plotter_service.statistics import Statistics

_log = logging.getLogger(__name__)
_worker: PlotWorker | None = None


class PlotWorker:
    """What the worker process keeps from job to job."""

    def __init__(self, settings: PlotterServiceSettings, redis: Redis) -> None:
        self._settings = settings.plotter
        self._redis = redis
        self._files = PlotFiles(settings.plots_folder)
        self._cache = ResultCache(
            self._files.cache_folder / "results.sqlite", settings.volumes.saved_data
        )

    def redraw(self) -> None:
        age_s = self._files.age_s()
        if age_s is not None and age_s < self._settings.min_interval_s:
            enqueue_plots(self._redis, self._settings.min_interval_s - age_s)
            return
        report = self._cache.sync(self._settings.read_budget_s)
        if report.added or report.removed or age_s is None:
            statistics = self._cache.statistics()
            draw_all(statistics, self._files)
            _log.info(
                "plots drawn",
                extra={
                    "images": statistics.images,
                    "added": report.added,
                    "removed": report.removed,
                },
            )
        if not report.is_complete:
            enqueue_plots(self._redis)


def draw_all(statistics: Statistics, files: PlotFiles) -> None:
    """Draws every plot as PNG and SVG, with its data as JSON beside it."""
    # matplotlib wants a folder for its list of fonts; a home may be missing or read-only.
    os.environ.setdefault("MPLCONFIGDIR", str(files.cache_folder / "matplotlib"))
    from plotter_service import charts

    plots = plots_of(statistics)
    for plot in plots:
        figure = charts.draw(plot)
        files.write(
            plot.name,
            {
                "png": charts.render(figure, "png"),
                "svg": charts.render(figure, "svg"),
                "json": plot.model_dump_json(indent=2).encode(),
            },
        )
    files.write_index({plot.name: plot.title for plot in plots}, statistics.images)


def load() -> None:
    """Connects; called once in the worker process."""
    global _worker
    settings = PlotterServiceSettings()
    _worker = PlotWorker(settings, connect_redis(settings.redis))


def redraw() -> None:
    """Draws all plots, or puts it off when they were drawn a moment ago."""
    if _worker is None:
        raise FacepipeError("load() was not called in this process")
    _worker.redraw()
