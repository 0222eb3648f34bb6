"""Pause and go on: `POST /v1/queue/pause` and `/resume`."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from input_service.services import ServicesDep
from input_service.views import Responses

router = APIRouter(prefix="/v1/queue", tags=["statistics"])

_RESPONSES: Responses = {503: {"description": "The ledger does not answer; nothing was changed"}}


class QueueStateView(BaseModel):
    """Whether the workers rest."""

    paused_at: datetime | None = Field(description="since when; null while work goes on")


@router.post("/pause", summary="Pause the work", responses=_RESPONSES)
def pause_queue(services: ServicesDep) -> QueueStateView:
    """The workers finish what they have in hand and take nothing new.

    What is sent is accepted and kept as always, and waits. A pause outlives every restart, and
    lasts until somebody ends it; to pause twice changes nothing. Where API keys are asked for, the
    key needs the scope `admin`.
    """
    return QueueStateView(paused_at=services.store.set_paused(paused=True))


@router.post("/resume", summary="Go on after a pause", responses=_RESPONSES)
def resume_queue(services: ServicesDep) -> QueueStateView:
    """The workers go on with what waits. Where there is no pause, nothing changes."""
    return QueueStateView(paused_at=services.store.set_paused(paused=False))
