"""Runs logger_service: `python -m logger_service`."""

from __future__ import annotations

from facepipe import telemetry
from facepipe.service import serve
from logger_service.app import create_logger_app
from logger_service.settings import LoggerSettings


def main() -> None:
    settings = LoggerSettings()
    telemetry.setup("logger_service", settings)
    try:
        serve(create_logger_app(settings), settings.host, settings.port.logger)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
