"""Runs input_service: `python -m input_service`."""

from __future__ import annotations

import sys

from facepipe import telemetry
from facepipe.service import serve
from input_service.access.policy import UnsafeSettingsError
from input_service.app import create_input_app
from input_service.settings import InputSettings


def main() -> None:
    settings = InputSettings()
    telemetry.setup("input_service", settings)
    try:
        app = create_input_app(settings)
    except UnsafeSettingsError as error:
        telemetry.shutdown()
        sys.exit(f"input_service does not start: {error}")
    try:
        serve(app, settings.host, settings.port.input)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
