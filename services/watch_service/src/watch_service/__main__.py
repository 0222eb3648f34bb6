"""Runs watch_service: `python -m watch_service`."""

from __future__ import annotations

from facepipe.web import service
from watch_service.app import create_watch_app
from watch_service.settings import WatchServiceSettings


def main() -> None:
    settings = WatchServiceSettings()
    service.run("watch_service", settings, create_watch_app, settings.port.watch)


if __name__ == "__main__":
    main()
