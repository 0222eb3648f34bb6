"""`GET /v1/events`: one stream for all images."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from input_service.services import ServicesDep
from input_service.views import ImageView

router = APIRouter(prefix="/v1", tags=["images"])

_LastEventId = Annotated[
    int | None,
    Header(ge=0, lt=2**63, description="`id` of the last event that was seen; it goes on after it"),
]


def _require_ledger(services: ServicesDep) -> None:
    """Before the stream begins: once it has, an error can no longer become a status."""
    services.store.changes(None)


@router.get(
    "/events",
    summary="Follow all images",
    response_class=EventSourceResponse,
    responses={503: {"description": "The ledger does not answer"}},
    dependencies=[Depends(_require_ledger)],
)
async def follow_all(
    services: ServicesDep, last_event_id: _LastEventId = None
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events of type `state`, each an image that changed, as it is now.

    Changes of one image that follow closely upon each other are seen as one. With `Last-Event-ID`
    (browsers send it by themselves) nothing is missed, also over a restart; without it the stream
    begins with what changes next.
    """
    async for state in services.feed.changes(last_event_id, services.store):
        yield ServerSentEvent(event="state", id=str(state.revision), data=ImageView.of(state))
