"""Images and where they stand: list, state, events, retry, delete."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import ImageNotFoundError
from input_service.examples import IMAGE, PAGE, shown
from input_service.filters import ImageFilters, Paging
from input_service.services import ServicesDep
from input_service.views import ImagePage, ImageView, Responses, UploadView

router = APIRouter(prefix="/v1/images", tags=["images"])
_log = logging.getLogger(__name__)

_UNAVAILABLE: Responses = {503: {"description": "The ledger does not answer"}}
_NOT_FOUND: Responses = {
    404: {"description": "No image with this id was ever accepted"},
    **_UNAVAILABLE,
}


@router.get("", summary="List images", responses={200: {"content": shown(PAGE)}, **_UNAVAILABLE})
def list_images(
    services: ServicesDep,
    filters: Annotated[ImageFilters, Query()],
    paging: Annotated[Paging, Query()],
) -> ImagePage:
    """Newest first, unless `sort` says otherwise.

    The filters on faces match an image when one of its faces meets them all.
    """
    page = services.store.list(filters.query(paging))
    return ImagePage(
        images=[ImageView.of(state) for state in page.images],
        next_cursor=page.next_cursor or None,
        total=page.total,
    )


@router.get(
    "/{image_id}",
    summary="Where an image stands",
    responses={200: {"content": shown(IMAGE)}, **_NOT_FOUND},
)
def get_image(image_id: ImageId, services: ServicesDep) -> ImageView:
    """The state of an image and its timeline, one entry for each run of a stage."""
    return ImageView.of(services.store.get(image_id))


def _require_known(image_id: ImageId, services: ServicesDep) -> None:
    """Before the stream begins: once it has, an error can no longer become a status."""
    services.store.get(image_id)


@router.get(
    "/{image_id}/events",
    summary="Follow an image",
    response_class=EventSourceResponse,
    responses=_NOT_FOUND,
    dependencies=[Depends(_require_known)],
)
async def follow_image(image_id: ImageId, services: ServicesDep) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events of type `state`, each an image's state; ends when it is finished."""
    async for state in services.feed.follow(image_id, services.store):
        yield ServerSentEvent(event="state", data=ImageView.of(state))


@router.post(
    "/{image_id}/retry",
    status_code=202,
    summary="Run a failed image again",
    responses={
        **_NOT_FOUND,
        409: {"description": "Still running"},
        410: {"description": "Deleted"},
    },
)
def retry_image(image_id: ImageId, services: ServicesDep) -> UploadView:
    """For images that failed, or whose result is partial. The upload must have been kept."""
    accepted = services.intake.start_over(image_id)
    return UploadView.of(accepted)


@router.delete("/{image_id}", status_code=204, summary="Erase an image", responses=_NOT_FOUND)
async def delete_image(image_id: ImageId, services: ServicesDep) -> Response:
    """Erases upload, annotated image, result, cached pixels, and its traces in the logs."""
    if not await asyncio.to_thread(services.store.delete, image_id):
        raise ImageNotFoundError("there is no image with this id")
    return Response(status_code=204)
