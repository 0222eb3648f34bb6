"""Runs the service: `python -m agegender_service`."""

from __future__ import annotations

from agegender_service.app import create_app
from agegender_service.settings import AgeGenderServiceSettings
from facepipe import service, telemetry


def main() -> None:
    settings = AgeGenderServiceSettings()
    telemetry.setup("agegender_service", settings)
    try:
        service.serve(create_app(settings), settings.host, settings.port.agegender)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
