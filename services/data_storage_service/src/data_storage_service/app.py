"""The HTTP side of data_storage_service: health, metrics, files, and the life of everything."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import StreamingResponse

from data_storage_service.server import create_server, serving
from data_storage_service.settings import DataStorageSettings
from data_storage_service.settling import SettlingLoop
from data_storage_service.wiring import Room, chores, open_room
from facepipe.analysis import Status
from facepipe.errors import FacepipeError, ImageNotFoundError
from facepipe.file_response import StoredFile
from facepipe.inbox import check_image_id
from facepipe.ledger import ListQuery
from facepipe.stage import Stage, create_stage_app
from facepipe.stages import StageName

_log = logging.getLogger(__name__)
_PAGE = 200
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}

router = APIRouter(tags=["files"])


def create_storage_app(settings: DataStorageSettings) -> FastAPI:
    """The application: HTTP here, gRPC and the storage workers in its lifespan."""
    stage = Stage(
        name="data_storage_service",
        queue=StageName.STORAGE,
        settings=settings,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        room = open_room(settings)
        app.state.room = room
        server = create_server(room, f"{settings.host}:{settings.port.store_grpc}")
        loop = SettlingLoop(
            room.settler, room.queries, settings.storage.settle_every_s, chores(room)
        )
        try:
            with serving(server):
                loop.start()
                yield
                loop.stop()
        finally:
            room.close()

    def ledger_problem() -> str | None:
        try:
            app.state.room.queries.revision()
        except FacepipeError as error:
            return error.message
        return None

    def volume_problem() -> str | None:
        folder = settings.volumes.saved_data
        return None if os.access(folder, os.W_OK) else f"{folder} cannot be written"

    app = create_stage_app(
        stage, checks={"ledger": ledger_problem, "volume": volume_problem}, lifespan=lifespan
    )
    app.include_router(router)
    return app


@router.get("/files/{image_id}.json", summary="The result document")
def document(image_id: str, request: Request) -> StoredFile:
    return _file(_room(request).files.document(image_id), "application/json")


@router.get("/files/{image_id}.jpg", summary="The annotated image")
def annotated(image_id: str, request: Request) -> StoredFile:
    return _file(_room(request).files.annotated(image_id), "image/jpeg")


@router.get("/files/{image_id}/source", summary="The upload as it came, while it is kept")
def source(image_id: str, request: Request) -> StoredFile:
    room = _room(request)
    waiting = room.settings.volumes.inbox / check_image_id(image_id)
    path = waiting if waiting.is_file() else room.files.source(image_id)
    return _file(path, "application/octet-stream")


@router.get("/export", summary="All results, one JSON document a line, newest first")
def export(
    request: Request,
    landmarks: Annotated[bool, Query(description="with the 478 points of each face")] = False,
) -> StreamingResponse:
    lines = _lines(_room(request), landmarks)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _lines(room: Room, with_landmarks: bool) -> Iterator[bytes]:
    cursor = ""
    while True:
        query = ListQuery(statuses=(Status.STORED, Status.PARTIAL), limit=_PAGE, cursor=cursor)
        page = room.queries.page(query)
        for state in page.images:
            try:
                result = json.loads(room.files.document(state.image_id).read_bytes())
            except (FileNotFoundError, ValueError):
                continue  # deleted meanwhile
            if not with_landmarks:
                for face in result["faces"]:
                    face.pop("landmarks", None)
            yield json.dumps(result, separators=(",", ":")).encode() + b"\n"
        if not (cursor := page.next_cursor):
            return


def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


def _file(path: Path, media_type: str) -> StoredFile:
    if not path.is_file():
        raise ImageNotFoundError("there is no such file for this image")
    return StoredFile(path, media_type=media_type, headers=_NO_SNIFF)
