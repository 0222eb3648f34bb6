"""Runs input_service: `python -m input_service`."""

from __future__ import annotations

from facepipe.web import service
from input_service.app import create_input_app
from input_service.settings import InputSettings


def main() -> None:
    settings = InputSettings()
    service.run("input_service", settings, create_input_app, settings.port.input)


if __name__ == "__main__":
    main()
