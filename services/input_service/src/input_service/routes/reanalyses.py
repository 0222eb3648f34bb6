"""Images that are analysed again: `POST /v1/reanalyses`, and how far one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.status import Status
from input_service.filters import ImageFilters
from input_service.services import ServicesDep
from input_service.summary_views import ReanalysisView
from input_service.views import Responses

router = APIRouter(prefix="/v1/reanalyses", tags=["images"])

_UNAVAILABLE: Responses = {503: {"description": "The ledger does not answer; call again"}}
_WITH_RESULT = {status for status in Status if status.has_result}


@router.post(
    "",
    status_code=202,
    summary="Analyse images again",
    responses={
        400: {"description": "No filter at all, or one with an impossible value"},
        202: {
            "description": "They wait for their turn",
            "links": {
                "get_reanalysis": {
                    "operationId": "get_reanalysis",
                    "parameters": {"reanalysis_id": "$response.body#/reanalysis_id"},
                }
            },
        },
        **_UNAVAILABLE,
    },
)
def analyse_again(
    services: ServicesDep, filters: Annotated[ImageFilters, Query()]
) -> ReanalysisView:
    """All images with a result that the filters let through now, with the models of today.

    They are worked on while little else waits. An old result stays, and is listed, searched and
    exported, until the new one is there; where the new analysis fails, it stays for good. At least
    one filter is needed: `status=stored` means all whole results. An upload that was not kept
    cannot be analysed again; its image is skipped.
    """
    filters.require_some()
    chosen = set(filters.status or _WITH_RESULT)
    if not chosen <= _WITH_RESULT:
        raise InvalidRequestError("only stored and partial images are analysed again")
    query = filters.model_copy(update={"status": sorted(chosen)}).query()
    return ReanalysisView.of(services.store.start_reanalysis(query))


@router.get(
    "/{reanalysis_id}",
    summary="How far a reanalysis is",
    responses={404: {"description": "No such reanalysis"}, **_UNAVAILABLE},
)
def get_reanalysis(
    reanalysis_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")],
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500, description="images that are named")] = 100,
    cursor: Annotated[str, Query(max_length=64, description="`next_cursor` of before")] = "",
) -> ReanalysisView:
    """Where its images stand, and what changed: faces gained and lost, ages and genders."""
    return ReanalysisView.of(services.store.reanalysis(reanalysis_id, limit, cursor))
