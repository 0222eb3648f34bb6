"""The HTTP side: search, tail, traces of an image, and forgetting one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from facepipe.web.service import create_app
from logger_service.erasure import Erased, erase
from logger_service.journal import Journal
from logger_service.queries import LogQuery, search, trace_of
from logger_service.receiver import create_server
from logger_service.records import Level, LogLine, SpanLine, time_text
from logger_service.settings import LoggerSettings
from logger_service.tail import Tail

_ID = r"^[A-Za-z0-9_.:-]{8,128}$"
ImageIdPath = Annotated[str, Path(pattern=_ID, description="attribute `image_id` of what was sent")]


class LogsAnswer(BaseModel):
    """Lines, newest first."""

    lines: list[LogLine]
    next_cursor: str | None = Field(description="null when there is no more")


class TraceAnswer(BaseModel):
    """What happened to an image: a flat list of spans with `parent_id`, and its log lines."""

    image_id: str
    spans: list[SpanLine]
    logs: list[LogLine]
    truncated: bool = Field(description="there is more than is shown")


class EraseAnswer(BaseModel):
    image_id: str
    changed_lines: int


def _query(
    service: str = "",
    level: Annotated[Level, Query(description="the lowest level wanted")] = Level.TRACE,
    image_id: Annotated[str, Query(max_length=128)] = "",
    text: Annotated[str, Query(max_length=200, description="case-insensitive")] = "",
    since: Annotated[datetime | None, Query(description="inclusive; UTC without a zone")] = None,
    until: Annotated[datetime | None, Query(description="exclusive")] = None,
) -> LogQuery:
    return LogQuery(
        service=service,
        level=level,
        image_id=image_id,
        text=text,
        since=time_text(since) if since else "",
        until=time_text(until) if until else "",
    )


QueryDep = Annotated[LogQuery, Depends(_query)]


def create_logger_app(settings: LoggerSettings) -> FastAPI:
    """The service; its lifespan opens the journal and the OTLP receiver."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        journal = Journal(settings.volumes.logs, settings.logs)
        server = None
        try:
            app.state.journal, app.state.tail, app.state.erased = journal, Tail(), Erased()
            address = f"{settings.host}:{settings.port.otlp}"
            token, tls = settings.inside_token, settings.tls
            server = create_server(journal, app.state.tail, app.state.erased, address, token, tls)
            server.start()
            yield
        finally:
            if server is not None:
                await asyncio.to_thread(server.stop(1).wait, 3)
            await asyncio.to_thread(journal.close)

    def files() -> str | None:
        journal: Journal = app.state.journal
        return journal.problem()

    app = create_app("logger_service", settings, checks={"files": files}, lifespan=lifespan)
    app.include_router(_router(settings))
    return app


def _router(settings: LoggerSettings) -> APIRouter:
    router = APIRouter(tags=["logs"])

    @router.get("/logs", summary="Search log lines")
    def get_logs(
        request: Request,
        query: QueryDep,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> LogsAnswer:
        """Newest first. A long search answers with what it has and a cursor to go on."""
        journal: Journal = request.app.state.journal
        journal.flush()
        page = search(journal.folder, query, limit, cursor, settings.logs.max_scan_s)
        return LogsAnswer(lines=page.lines, next_cursor=page.next_cursor or None)

    @router.get("/logs/stream", summary="Follow the log", response_class=EventSourceResponse)
    async def stream_logs(request: Request, query: QueryDep) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events of type `log`, one a line, from now on."""
        tail: Tail = request.app.state.tail
        async for line in tail.follow(query):
            yield ServerSentEvent(event="log", data=line)

    @router.get("/traces/{image_id}", summary="What happened to an image")
    def get_trace(request: Request, image_id: ImageIdPath) -> TraceAnswer:
        """All spans of the traces that touch the image, and its log lines; empty if unknown."""
        journal: Journal = request.app.state.journal
        journal.flush()
        trace = trace_of(journal.folder, image_id)
        return TraceAnswer(
            image_id=image_id, spans=trace.spans, logs=trace.logs, truncated=trace.truncated
        )

    @router.delete("/images/{image_id}", summary="Forget an image")
    def forget_image(request: Request, image_id: ImageIdPath) -> EraseAnswer:
        """Blanks image id, file name and the like in every line and span of the image."""
        state = request.app.state
        state.erased.add(image_id, time.time_ns())
        return EraseAnswer(image_id=image_id, changed_lines=erase(state.journal, image_id))

    return router
