"""Runs sharpness_service: `python -m sharpness_service`."""

from __future__ import annotations

from fastapi import FastAPI

from facepipe.stage import Stage, create_stage_app
from facepipe.stages import StageName
from facepipe.system.settings import Settings
from facepipe.web import service


def create_app(settings: Settings) -> FastAPI:
    return create_stage_app(Stage("sharpness_service", StageName.SHARPNESS, settings))


if __name__ == "__main__":
    settings = Settings()
    service.run("sharpness_service", settings, create_app, settings.port.sharpness)
