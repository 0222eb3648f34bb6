"""Runs plotter_service: `python -m plotter_service`."""

from __future__ import annotations

from facepipe.web import service
from plotter_service.app import create_app
from plotter_service.settings import PlotterServiceSettings


def main() -> None:
    settings = PlotterServiceSettings()
    service.run("plotter_service", settings, create_app, settings.port.plotter)


if __name__ == "__main__":
    main()
