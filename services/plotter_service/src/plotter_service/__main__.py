"""Runs the service: `python -m plotter_service`."""

from __future__ import annotations

from facepipe import service, telemetry
from plotter_service.app import create_app
from plotter_service.settings import PlotterServiceSettings


def main() -> None:
    settings = PlotterServiceSettings()
    telemetry.setup("plotter_service", settings)
    try:
        service.serve(create_app(settings), settings.host, settings.port.plotter)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
