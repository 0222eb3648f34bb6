"""Runs logger_service: `python -m logger_service`."""

from __future__ import annotations

from facepipe.web import service
from logger_service.app import create_logger_app
from logger_service.settings import LoggerSettings


def main() -> None:
    settings = LoggerSettings()
    service.run("logger_service", settings, create_logger_app, settings.port.logger)


if __name__ == "__main__":
    main()
