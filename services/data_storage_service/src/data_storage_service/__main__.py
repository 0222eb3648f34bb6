"""Runs data_storage_service: `python -m data_storage_service`."""

from __future__ import annotations

from data_storage_service.app import create_storage_app
from data_storage_service.settings import DataStorageSettings
from facepipe.web import service


def main() -> None:
    settings = DataStorageSettings()
    service.run("data_storage_service", settings, create_storage_app, settings.port.storage)


if __name__ == "__main__":
    main()
