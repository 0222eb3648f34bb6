"""Runs data_storage_service: `python -m data_storage_service`."""

from __future__ import annotations

from data_storage_service.app import create_storage_app
from data_storage_service.settings import DataStorageSettings
from facepipe import telemetry
from facepipe.service import serve


def main() -> None:
    settings = DataStorageSettings()
    telemetry.setup("data_storage_service", settings)
    try:
        serve(create_storage_app(settings), settings.host, settings.port.storage)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
