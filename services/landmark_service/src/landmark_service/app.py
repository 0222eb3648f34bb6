"""The HTTP application of this service, which supervises its workers."""

from __future__ import annotations

from fastapi import FastAPI

from facepipe.domain.errors import ModelError
from facepipe.stage import Stage, create_stage_app
from facepipe.stages import StageName
from landmark_service.model_order import chosen_model
from landmark_service.settings import LandmarkSettings


def create_app(settings: LandmarkSettings) -> FastAPI:
    """Health, readiness and metrics of the stage; its workers live in its lifespan."""
    stage = Stage(
        name="landmark_service",
        queue=StageName.LANDMARK,
        settings=settings,
    )
    return create_stage_app(stage, checks={"detector": lambda: detector_problem(settings)})


def detector_problem(settings: LandmarkSettings) -> str | None:
    """Why there is no model to be used, or not the recorded one."""
    try:
        chosen_model(settings)
    except ModelError as error:
        return error.message
    return None
