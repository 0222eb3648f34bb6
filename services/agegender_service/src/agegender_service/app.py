"""The HTTP application of this service, which supervises its workers."""

from __future__ import annotations

from fastapi import FastAPI

from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import find_weights
from facepipe.domain.errors import ModelError
from facepipe.stage import Stage, create_stage_app
from facepipe.stages import StageName


def create_app(settings: AgeGenderServiceSettings) -> FastAPI:
    """Health, readiness and metrics of the stage; its workers live in its lifespan."""
    stage = Stage(
        name="agegender_service",
        queue=StageName.AGEGENDER,
        settings=settings,
    )
    return create_stage_app(stage, checks={"weights": lambda: weights_problem(settings)})


def weights_problem(settings: AgeGenderServiceSettings) -> str | None:
    """Why no face can get an estimate that the setting asks for."""
    try:
        if settings.agegender.weights is not WeightsChoice.NONE:
            find_weights(settings)
    except ModelError as error:
        return error.message
    return None
