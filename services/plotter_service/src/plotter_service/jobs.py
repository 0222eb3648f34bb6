"""The job of the queue `plots`: draw all plots from what the ledger counts."""

from __future__ import annotations

import logging
import os

from facepipe.domain.errors import FacepipeError
from facepipe.ledger.client import FaceStoreClient
from plotter_service.collect import Counts, collect
from plotter_service.files import PlotFiles
from plotter_service.plots import plots_of
from plotter_service.settings import PlotterServiceSettings
from plotter_service.statistics import Statistics
from plotter_service.unfolding import confusion_of

_log = logging.getLogger(__name__)
_worker: PlotWorker | None = None


class PlotWorker:
    """What the worker process keeps from job to job."""

    def __init__(self, ledger: Counts, files: PlotFiles, weights: str = "") -> None:
        self._ledger = ledger
        self._files = files
        self._confusion = confusion_of(weights)

    def redraw(self) -> None:
        """Draws, unless nothing has changed since the last time.

        Raises:
            ServiceUnavailableError, DeadlineExceededError: the ledger does not answer.
        """
        revision = self._ledger.stats().revision
        if self._files.revision() == revision:
            return
        statistics = collect(self._ledger, confusion=self._confusion)
        draw_all(statistics, self._files, revision)
        _log.info("plots drawn", extra={"images": statistics.images, "revision": revision})


def draw_all(statistics: Statistics, files: PlotFiles, revision: int) -> None:
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
    files.write_index({plot.name: plot.title for plot in plots}, statistics.images, revision)


def load() -> None:
    """Connects; called once in the worker process."""
    global _worker
    settings = PlotterServiceSettings()
    client = FaceStoreClient(settings.address.store_grpc, settings.inside_token, ca=settings.tls.ca)
    files = PlotFiles(settings.plots_folder)
    _worker = PlotWorker(client, files, settings.agegender.weights)


def redraw() -> None:
    """Draws all plots, or does nothing when they are up to date."""
    if _worker is None:
        raise FacepipeError("load() was not called in this process")
    _worker.redraw()
