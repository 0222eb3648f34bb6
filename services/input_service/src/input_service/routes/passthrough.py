"""What other services know, passed on: the viewer talks to this API alone."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import httpx
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.ledger.messages import query_to_pb
from input_service.filters import ImageFilters
from input_service.outlook import outlook
from input_service.services import ServicesDep
from input_service.summary_views import StatsView
from input_service.views import Responses

router = APIRouter(prefix="/v1")

_UNAVAILABLE: Responses = {503: {"description": "The service behind it does not answer"}}


@router.get("/images/{image_id}/trace", tags=["images"], responses=_UNAVAILABLE)
async def get_trace(image_id: ImageId, services: ServicesDep) -> dict[str, Any]:
    """Spans and log lines of this image, from logger_service."""
    url = f"{services.settings.address.logger}/traces/{image_id}"
    answer = _checked("logger_service", await services.fetch("logger_service", url))
    trace: dict[str, Any] = answer.json()
    return trace


@router.get("/plots", tags=["statistics"], responses=_UNAVAILABLE)
async def list_plots(services: ServicesDep) -> Any:
    """The plots that there are, from plotter_service."""
    url = f"{services.settings.address.plotter}/plots"
    found = _checked("plotter_service", await services.fetch("plotter_service", url)).json()
    for plot in found["plots"]:
        plot["links"] = {kind: f"/v1{path}" for kind, path in plot["links"].items()}
    return found


@router.get("/plots/data", tags=["statistics"], responses=_UNAVAILABLE)
async def get_plots_of(
    filters: Annotated[ImageFilters, Query()], services: ServicesDep
) -> dict[str, Any]:
    """The data of all plots over the images that the filters let through.

    Of their faces those that meet the filters on faces are counted.
    """
    wanted = query_to_pb(filters.query()).SerializeToString()
    where = base64.urlsafe_b64encode(wanted).decode()
    url = f"{services.settings.address.plotter}/plots/data?where={where}"
    found: dict[str, Any] = _checked(
        "plotter_service", await services.fetch("plotter_service", url)
    ).json()
    return found


@router.get(
    "/plots/{name}.{extension}",
    tags=["statistics"],
    response_class=Response,
    responses={
        **_UNAVAILABLE,
        404: {"description": "No such plot"},
        200: {
            "description": "The plot",
            "content": {"image/png": {}, "image/svg+xml": {}, "application/json": {}},
        },
    },
)
async def get_plot(
    name: Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")],
    extension: Literal["png", "svg", "json"],
    services: ServicesDep,
) -> Response:
    """One plot as PNG, SVG or the data behind it."""
    url = f"{services.settings.address.plotter}/plots/{name}.{extension}"
    answer = _checked("plotter_service", await services.fetch("plotter_service", url))
    return Response(answer.content, media_type=answer.headers.get("content-type"))


@router.get("/stats", tags=["statistics"], responses=_UNAVAILABLE)
def get_stats(services: ServicesDep) -> StatsView:
    """Numbers for dashboards, the models in use, and what cannot work just now."""
    return StatsView.of(services.store.stats(), services.backlog.uploads, outlook(services.redis))


def _checked(service: str, answer: httpx.Response) -> httpx.Response:
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise ImageNotFoundError(f"{service} has nothing of that name")
    if answer.is_error:
        raise ServiceUnavailableError(f"{service} answered {answer.status_code}")
    return answer
