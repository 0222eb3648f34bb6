"""Many results at once: what a search finds as one table, chosen images as a zip."""

from __future__ import annotations

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import ServiceUnavailableError
from facepipe_client import AsyncClient, ClientError, Filters
from gradio_viewer.address import Place
from gradio_viewer.problems import told

MOST_CHOSEN = 200
Kind = Literal["csv", "parquet", "coco", "xmp"]
_TABLES: dict[Kind, tuple[str, str]] = {
    "csv": ("faces.csv", "text/csv"),
    "parquet": ("faces.parquet", "application/vnd.apache.parquet"),
    "coco": ("faces.coco.json", "text/json"),
    "xmp": ("faces.xmp.zip", "application/zip"),
}
_UNFIT = re.compile(r"[\\/:*?\"<>|\x00-\x1f\x7f]")


def create_download_router(api: AsyncClient) -> APIRouter:
    """The routes for many results."""
    router = APIRouter(tags=["files"])

    @router.get("/files/export.{kind}", response_class=StreamingResponse)
    async def export(kind: Kind, request: Request) -> StreamingResponse:
        search = Place.of(request.query_params.items()).search
        search.pop("sort", None)
        table = api.export(kind, **cast(Filters, search))
        try:
            first = await anext(table, b"")
        except ClientError as error:
            raise ServiceUnavailableError(told(api, error)) from error
        return _saved(_after(first, table), *_TABLES[kind])

    @router.get("/files/chosen.zip", response_class=StreamingResponse)
    async def chosen(
        image: Annotated[list[ImageId], Query(min_length=1, max_length=MOST_CHOSEN)],
    ) -> StreamingResponse:
        return _saved(_zipped(api, image), "faces.zip", "application/zip")

    return router


def _saved(content: AsyncIterator[bytes], name: str, media_type: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(content, media_type=media_type, headers=headers)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


class _Outlet:
    """Where an archive is written to, and taken from bit by bit."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> bytes:
        written, self._written = self._written, []
        return b"".join(written)


async def _zipped(api: AsyncClient, image_ids: Sequence[str]) -> AsyncIterator[bytes]:
    """Upload, annotated JPEG and result of each; what cannot be had is named in `missing.txt`."""
    outlet, missing, taken = _Outlet(), [], set[str]()
    with zipfile.ZipFile(cast("zipfile._ZipWritable", outlet), "w") as archive:
        for image_id in dict.fromkeys(image_ids):
            try:
                name = (await api.image(image_id)).image.file_name or image_id[:12]
            except ClientError as error:
                missing.append(f"{image_id}: {told(api, error)}")
                continue
            own = PurePosixPath(_unused(fit_name(name) or image_id[:12], taken))
            for kind, path in (
                ("source", f"originals/{own}"),
                ("annotated", f"annotated/{own.stem}.jpg"),
                ("result", f"results/{own.stem}.json"),
            ):
                try:
                    data = await api.file(image_id, kind)  # type: ignore[arg-type]  # one of them
                except ClientError as error:
                    missing.append(f"{path}: {told(api, error)}")
                    continue
                await asyncio.to_thread(archive.writestr, path, data)
                yield outlet.take()
        if missing:
            archive.writestr("missing.txt", "\n".join(missing) + "\n")
    yield outlet.take()


def fit_name(name: str) -> str:
    r"""A name that every system can unpack, in no folder but its own.

    >>> fit_name("../a:b.jpg"), fit_name("..")
    ('_a_b.jpg', '')
    """
    return _UNFIT.sub("_", name).strip(". ")


def _unused(name: str, taken: set[str]) -> str:
    """The name, numbered where its stem was there before."""
    path, number = PurePosixPath(name), 1
    while path.stem.lower() in taken:
        number += 1
        path = path.with_stem(f"{PurePosixPath(name).stem} ({number})")
    taken.add(path.stem.lower())
    return str(path)
