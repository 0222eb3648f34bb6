"""The HTTP application of this service: the plots, and the worker that draws them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query

from facepipe.ledger.client import FaceStoreClient
from facepipe.queue.job_table import PLOTS_QUEUE
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import Stage, create_stage_app
from facepipe.web.file_response import StoredFile
from plotter_service.chosen import Chosen
from plotter_service.files import MEDIA_TYPES, PlotFiles
from plotter_service.freshness import Freshness
from plotter_service.settings import PlotterServiceSettings


def create_app(settings: PlotterServiceSettings) -> FastAPI:
    """`/plots` and its files, health and readiness; the worker lives in its lifespan."""
    # Two workers would draw the same plots twice.
    one_worker = settings.stage.model_copy(update={"workers": 1})
    stage = Stage(
        name="plotter_service",
        queue=PLOTS_QUEUE,
        settings=settings.model_copy(update={"stage": one_worker}),
    )
    files = PlotFiles(settings.plots_folder)
    app = create_stage_app(stage, checks={"plots": files.problem})
    ledger = FaceStoreClient(settings.address.store_grpc, settings.inside_token, ca=settings.tls.ca)
    redis = connect_redis(settings.redis)
    chosen = Chosen(ledger, settings.agegender.weights)
    add_routes(app, files, Freshness(files, ledger, redis, settings.plotter), chosen)
    return app


def add_routes(app: FastAPI, files: PlotFiles, freshness: Freshness, chosen: Chosen) -> None:
    @app.get("/plots/data", tags=["plots"], summary="The data of all plots of some images")
    def get_data(where: Annotated[str, Query(max_length=32_768)] = "") -> dict[str, Any]:
        """`where` is a `ListAnalysesRequest` in base64, with `-` and `_`."""
        return {"plots": chosen.plots(where)}

    @app.get("/plots", tags=["plots"], summary="The plots that there are")
    async def list_plots() -> dict[str, Any]:
        await freshness.ensure()
        return {"plots": files.index()}

    @app.get(
        "/plots/{name}.{extension}",
        tags=["plots"],
        summary="One plot as PNG, SVG, or its data as JSON",
        response_class=StoredFile,
        responses={
            404: {"description": "No such plot"},
            503: {"description": "It was not drawn yet; see `Retry-After`"},
        },
    )
    async def get_plot(name: str, extension: str) -> StoredFile:
        await freshness.ensure()
        path = files.path(name, extension)
        return StoredFile(
            path, media_type=MEDIA_TYPES[extension], headers={"Cache-Control": "no-cache"}
        )
