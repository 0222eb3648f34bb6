"""Images and documents for the browser, fetched from the input API and made fit to show.

The browser never gets the upload itself: `upright.jpg` is decoded by the same decoder as in
every stage and encoded anew, so boxes fit and nothing but pixels reaches the page.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable
from importlib.resources import files as package_files
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from PIL import Image

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import (
    FacepipeError,
    ImageDeletedError,
    ImageNotFoundError,
    ResultNotReadyError,
    ServiceUnavailableError,
)
from facepipe.files.decoding import ACCEPTED_BEFORE, decode
from facepipe_client import AsyncClient, ClientError, ProblemError
from gradio_viewer.problems import told
from gradio_viewer.sample import sample
from gradio_viewer.settings import ViewerSettings

THUMBNAIL_SIDE = 480
SAMPLE_SIDE = 160
SCRIPTS = (
    "main.js",
    "address.js",
    "search.js",
    "faces.js",
    "zoom.js",
    "dialogs.js",
    "draw.js",
    "gallery.js",
    "sending.js",
    "focus.js",
    "said.js",
)
JPEG = "image/jpeg"
_PLOTS = {"png": "image/png", "svg": "image/svg+xml"}
_WEB = package_files("gradio_viewer.web")
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

    async def jpeg_of(data: bytes, side: int) -> bytes:
        async with turn:
            return await asyncio.to_thread(_small_jpeg, data, side)

    async def fetched(file: Awaitable[bytes]) -> bytes:
        try:
            return await file
        except ClientError as error:
            status = error.status if isinstance(error, ProblemError) else 0
            raise _ERRORS.get(status, ServiceUnavailableError)(told(api, error)) from error

    @router.get("/files/{image_id}/upright.jpg", response_class=Response)
    async def upright(image_id: ImageId) -> Response:
        source = await fetched(api.file(image_id, "source"))
        data = await jpeg_of(source, settings.viewer.max_side)
        return Response(data, media_type=JPEG, headers=_FOR_LONG)

    @router.get("/files/{image_id}/thumbnail.jpg", response_class=Response)
    async def thumbnail(image_id: ImageId) -> Response:
        data = await fetched(api.thumbnail(image_id, THUMBNAIL_SIDE))
        return Response(data, media_type=JPEG, headers=_FOR_NOW)

    @router.get("/files/{image_id}/faces/{index}.jpg", response_class=Response)
    async def face(image_id: ImageId, index: Annotated[int, Path(ge=0, le=100_000)]) -> Response:
        data = await fetched(api.face(image_id, index))
        return _download(data, JPEG, await named(image_id, f" face {index}.jpg"))

    async def named(image_id: str, extension: str = "") -> str:
        """The name of the photograph, for its files."""
        try:
            name = (await api.image(image_id)).image.file_name or image_id
        except ClientError:
            return image_id + extension
        return (name.rpartition(".")[0] or name) + extension if extension else name

    @router.get("/files/{image_id}/original", response_class=Response)
    async def original(image_id: ImageId) -> Response:
        data = await fetched(api.file(image_id, "source"))
        return _download(data, "application/octet-stream", await named(image_id))

    @router.get("/files/{image_id}/annotated.jpg", response_class=Response)
    async def annotated(image_id: ImageId) -> Response:
        data = await fetched(api.file(image_id, "annotated"))
        return _download(data, JPEG, await named(image_id, " annotated.jpg"))

    @router.get("/files/{image_id}/result.json", response_class=Response)
    async def result(image_id: ImageId) -> Response:
        data = await fetched(api.file(image_id, "result"))
        return _download(data, "application/json", await named(image_id, ".json"))

    @router.get("/files/{image_id}/sidecar.xmp", response_class=Response)
    async def sidecar(image_id: ImageId) -> Response:
        data = await fetched(api.sidecar(image_id))
        # As photograph managers look for it: beside the photograph, after its whole name.
        return _download(data, "application/rdf+xml", f"{await named(image_id)}.xmp")

    @router.get("/plots/{name}.{kind}", response_class=Response)
    async def plot(
        name: Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")], kind: Literal["png", "svg"]
    ) -> Response:
        data = await fetched(api.plot(name, kind))
        return _download(data, _PLOTS[kind], f"{name}.{kind}")

    @router.get("/page/sample.png", response_class=Response)
    async def whole_sample() -> Response:
        return Response(sample(), media_type="image/png", headers=_FOR_LONG)

    @router.get("/page/sample.jpg", response_class=Response)
    async def small_sample() -> Response:
        data = await jpeg_of(sample(), SAMPLE_SIDE)
        return Response(data, media_type=JPEG, headers=_FOR_LONG)

    @router.get("/page/{name}", response_class=Response)
    async def script(name: str) -> Response:
        if name not in SCRIPTS:
            raise ImageNotFoundError("there is nothing here")
        data = (_WEB / name).read_bytes()
        return Response(data, media_type="text/javascript", headers=_FOR_NOW)

    @router.get("/manifest.json", include_in_schema=False)
    async def manifest(_: Request) -> dict[str, str]:
        """Browsers ask for it; the page is no app to install."""
        return {"name": "Face analysis", "display": "browser"}

    return router


def _download(data: bytes, media_type: str, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = {**_FOR_NOW, "Content-Disposition": disposition}
    return Response(data, media_type=media_type, headers=headers)


def _small_jpeg(data: bytes, side: int) -> bytes:
    """Decoded as in every stage, and no side longer than `side`."""
    image = Image.fromarray(decode(data, ACCEPTED_BEFORE).rgb)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
