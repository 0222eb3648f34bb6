"""Runs agegender_service: `python -m agegender_service`."""

from __future__ import annotations

from agegender_service.app import create_app
from agegender_service.settings import AgeGenderServiceSettings
from facepipe.web import service


def main() -> None:
    settings = AgeGenderServiceSettings()
    service.run("agegender_service", settings, create_app, settings.port.agegender)


if __name__ == "__main__":
    main()
