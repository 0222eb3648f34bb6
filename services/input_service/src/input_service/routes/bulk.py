"""What is done with all images that a filter lets through: delete, retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError
from facepipe.domain.status import Status
from input_service.bulk import with_each
from input_service.filters import ImageFilters, Paging
from input_service.services import ServicesDep
from input_service.summary_views import BulkView
from input_service.views import Responses

router = APIRouter(prefix="/v1", tags=["images"])

_RESPONSES: Responses = {
    400: {"description": "No filter at all, or one with an impossible value"},
    503: {"description": "The ledger does not answer; call again"},
}
_Limit = Annotated[int, Query(ge=1, le=500, description="images in one call")]
_CAN_BE_RETRIED = {Status.FAILED, Status.PARTIAL}


@router.delete("/images", summary="Erase images", responses=_RESPONSES)
def delete_images(
    services: ServicesDep, filters: Annotated[ImageFilters, Query()], limit: _Limit = 500
) -> BulkView:
    """Erases the first `limit` images that the filters let through; call again while some are left.

    At least one filter is needed.
    """
    filters.require_some()
    if Status.DELETED in (filters.status or ()):
        raise InvalidRequestError("what is deleted cannot be deleted again")

    def erase(image_id: str) -> None:
        if not services.store.delete(image_id):
            raise ImageNotFoundError("it was deleted meanwhile")

    return BulkView.of(with_each(services.store, filters.query(Paging(limit=limit)), erase))


@router.post("/retries", status_code=202, summary="Run failed images again", responses=_RESPONSES)
def retry_images(
    services: ServicesDep, filters: Annotated[ImageFilters, Query()], limit: _Limit = 500
) -> BulkView:
    """Starts the first `limit` of them over; call again while some are left.

    Those that failed or are partial, unless `status` names one of the two.
    """
    chosen = set(filters.status or _CAN_BE_RETRIED)
    if not chosen <= _CAN_BE_RETRIED:
        raise InvalidRequestError("only failed and partial images are retried")
    wanted = filters.model_copy(update={"status": sorted(chosen)})
    query = wanted.query(Paging(limit=limit))
    return BulkView.of(with_each(services.store, query, services.intake.start_over))
