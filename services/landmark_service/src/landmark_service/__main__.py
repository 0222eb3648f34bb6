"""Runs landmark_service: `python -m landmark_service`."""

from __future__ import annotations

from facepipe.web import service
from landmark_service.app import create_app
from landmark_service.settings import LandmarkSettings


def main() -> None:
    settings = LandmarkSettings()
    service.run("landmark_service", settings, create_app, settings.port.landmark)


if __name__ == "__main__":
    main()
