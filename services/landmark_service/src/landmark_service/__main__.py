"""Runs the service: `python -m landmark_service`."""

from __future__ import annotations

from facepipe import service, telemetry
from landmark_service.app import create_app
from landmark_service.settings import LandmarkSettings


def main() -> None:
    settings = LandmarkSettings()
    telemetry.setup("landmark_service", settings)
    try:
        service.serve(create_app(settings), settings.host, settings.port.landmark)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
