"""What an upload may be: `GET /v1/limits`."""

from __future__ import annotations

from fastapi import APIRouter

from input_service.services import ServicesDep
from input_service.views import LimitsView

router = APIRouter(prefix="/v1", tags=["images"])


@router.get("/limits", summary="What an upload may be")
async def get_limits(services: ServicesDep) -> LimitsView:
    """The limits of this server, for who wants to know them before sending."""
    return LimitsView.of(services.settings)
