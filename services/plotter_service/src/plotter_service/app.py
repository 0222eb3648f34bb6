"""The HTTP application of this service: the plots, and the worker that draws them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from redis import Redis
from redis.exceptions import RedisError

from facepipe.file_response import StoredFile
from facepipe.job_table import PLOTS_QUEUE
from facepipe.jobs import enqueue_plots
from facepipe.redis_connection import connect_redis, explain
from facepipe.stage import Stage, create_stage_app
from plotter_service.files import MEDIA_TYPES, PlotFiles
from plotter_service.settings import PlotterServiceSettings

_log = logging.getLogger(__name__)


def create_app(settings: PlotterServiceSettings) -> FastAPI:
    """`/plots` and its files, health and readiness; the worker lives in its lifespan."""
    # Two workers would draw the same plots twice.
    one_worker = settings.stage.model_copy(update={"workers": 1})
    stage = Stage(
        name="plotter_service",
        queue=PLOTS_QUEUE,
        settings=settings.model_copy(update={"stage": one_worker}),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watcher = asyncio.create_task(_watch(settings))
        try:
            yield
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher

    app = create_stage_app(stage, lifespan=lifespan)
    add_routes(app, PlotFiles(settings.plots_folder))
    return app


def add_routes(app: FastAPI, files: PlotFiles) -> None:
    @app.get("/plots", tags=["plots"], summary="The plots that there are")
    def list_plots() -> dict[str, Any]:
        return {"plots": files.index()}

    @app.get(
        "/plots/{name}.{extension}",
        tags=["plots"],
        summary="One plot as PNG, SVG, or its data as JSON",
        response_class=StoredFile,
        responses={404: {"description": "No such plot, or not drawn yet"}},
    )
    def get_plot(name: str, extension: str) -> StoredFile:
        path = files.path(name, extension)
        if path is None:
            raise HTTPException(404, f"there is no plot {name}.{extension}; GET /plots lists them")
        return StoredFile(
            path, media_type=MEDIA_TYPES[extension], headers={"Cache-Control": "no-cache"}
        )


async def _watch(settings: PlotterServiceSettings) -> None:
    """Asks for new plots when results came or went, whoever stored or deleted them."""
    redis = connect_redis(settings.redis)
    seen: int | None = -1
    while True:
        seen = await asyncio.to_thread(ask_if_changed, redis, settings.volumes.saved_data, seen)
        await asyncio.sleep(settings.plotter.watch_s)


def ask_if_changed(redis: Redis, results: Path, seen: int | None) -> int | None:
    """Enqueues a drawing unless the folder's time is still `seen`; returns what was seen.

    Renaming a file into the folder, or deleting one, changes its time.
    """
    try:
        now = results.stat().st_mtime_ns
    except OSError:
        now = None
    if now == seen:
        return seen
    try:
        enqueue_plots(redis)
    except RedisError as error:
        _log.warning("the plots wait for Redis: %s", explain(error))
        return seen
    return now
