"""Images and documents for the browser, fetched from the input API and made fit to show.

The browser never gets the upload itself: `upright.jpg` is decoded by the same decoder as in
every stage and encoded anew, so boxes fit and nothing but pixels reaches the page.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from PIL import Image

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import (
    FacepipeError,
    ImageDeletedError,
    ImageNotFoundError,
    ResultNotReadyError,
    ServiceUnavailableError,
)
from facepipe.files.decoding import decode
from facepipe_client import AsyncClient, ClientError, ProblemError
from gradio_viewer.problems import told
from gradio_viewer.settings import ViewerSettings

THUMBNAIL_SIDE = 360
JPEG = "image/jpeg"
# Pixels of an id never change; a result may when an image is run again.
_FOR_LONG = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
_FOR_NOW = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
_ERRORS: dict[int, type[FacepipeError]] = {
    404: ImageNotFoundError,
    409: ResultNotReadyError,
    410: ImageDeletedError,
}


def create_router(api: AsyncClient, settings: ViewerSettings) -> APIRouter:
    """The routes under /files and /plots."""
    router = APIRouter(tags=["files"])
    turn = asyncio.Semaphore(settings.viewer.decoders)

    async def jpeg_of(data: bytes, side: int, *, upright: bool) -> bytes:
        async with turn:
            return await asyncio.to_thread(_small_jpeg, data, side, upright=upright)

    async def fetched(file: Awaitable[bytes]) -> bytes:
        try:
            return await file
        except ClientError as error:
            status = error.status if isinstance(error, ProblemError) else 0
            raise _ERRORS.get(status, ServiceUnavailableError)(told(api, error)) from error

    @router.get("/files/{image_id}/upright.jpg", response_class=Response)
    async def upright(image_id: ImageId) -> Response:
        source = await fetched(api.file(image_id, "source"))
        data = await jpeg_of(source, settings.viewer.max_side, upright=True)
        return Response(data, media_type=JPEG, headers=_FOR_LONG)

    @router.get("/files/{image_id}/thumbnail.jpg", response_class=Response)
    async def thumbnail(
        image_id: ImageId, status: Annotated[str, Query(max_length=20)] = ""
    ) -> Response:
        annotated = status in ("stored", "partial")
        picture = await fetched(api.file(image_id, "annotated" if annotated else "source"))
        data = await jpeg_of(picture, THUMBNAIL_SIDE, upright=not annotated)
        return Response(data, media_type=JPEG, headers=_FOR_NOW)

    @router.get("/files/{image_id}/annotated.jpg", response_class=Response)
    async def annotated(image_id: ImageId) -> Response:
        data = await fetched(api.file(image_id, "annotated"))
        return _download(data, JPEG, f"{image_id}.jpg")

    @router.get("/files/{image_id}/result.json", response_class=Response)
    async def result(image_id: ImageId) -> Response:
        data = await fetched(api.file(image_id, "result"))
        return _download(data, "application/json", f"{image_id}.json")

    @router.get("/plots/{name}.png", response_class=Response)
    async def plot(name: Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")]) -> Response:
        data = await fetched(api.plot(name))
        return Response(data, media_type="image/png", headers=_FOR_NOW)

    @router.get("/manifest.json", include_in_schema=False)
    async def manifest(_: Request) -> dict[str, str]:
        """Browsers ask for it; the page is no app to install."""
        return {"name": "Face analysis", "display": "browser"}

    return router


def _download(data: bytes, media_type: str, name: str) -> Response:
    headers = {**_FOR_NOW, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)


def _small_jpeg(data: bytes, side: int, *, upright: bool) -> bytes:
    """Shrinks to `side` at most. An annotated JPEG of ours is upright and decodes small."""
    image = Image.fromarray(decode(data).rgb) if upright else Image.open(io.BytesIO(data))
    image.draft("RGB", (side, side))
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
