"""Uploads on their way through: from the browser into memory, and from there to the input API.

Gradio would collect a whole selection on disk first. Here each file goes on as soon as it has
come, so that a selection of any size needs the memory of one file, and each file has an answer
of its own. What all visitors together have in memory is bounded; who comes late waits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from io import IOBase

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from facepipe.domain.errors import ImageTooLargeError, InvalidRequestError
from facepipe_client import AsyncClient, BusyError, ClientError
from gradio_viewer.door import API
from gradio_viewer.list_html import Upload, megabytes
from gradio_viewer.memory_budget import BufferedFile, MemoryBudget
from gradio_viewer.multipart import Begin, End, pieces
from gradio_viewer.problems import told
from gradio_viewer.recent import Recent
from gradio_viewer.visitors import Ticket, Visitors

MAX_FILES = 1000  # Gradio's page sends no more in one call
MAX_TRIES = 6
MAX_NAME = 255
AGAIN_S = 1.0
FILE_S = 600.0
_TOLD_EVERY_S = 0.1
_BEGINS_WITHIN_S = 3.0


def create_upload_router(
    api: AsyncClient, visitors: Visitors, recent: Recent, budget: MemoryBudget
) -> APIRouter:
    """The routes by which Gradio's page sends files and learns how far they are."""
    router = APIRouter(prefix=API, include_in_schema=False)
    progress = Progress()

    @router.post("/upload")
    async def upload(request: Request, upload_id: str) -> list[str]:
        """A ticket for each file, in their order, where Gradio would give a path."""
        intake = _Intake(api, await largest_file(api), budget)
        visitor = request.state.visitor
        batch, tickets = recent.of(visitor), []
        with progress.of(upload_id) as note, batch.being_sent():
            async for name, ticket in intake.take(request, note):
                batch.add(Upload.sent(name, ticket.image_id, ticket.problem))
                tickets.append(visitors.write(visitor, ticket))
        if not tickets:
            raise InvalidRequestError("there is no file in that form")
        return tickets

    @router.get("/upload_progress")
    async def upload_progress(upload_id: str) -> StreamingResponse:
        return StreamingResponse(progress.told(upload_id), media_type="text/event-stream")

    return router


@dataclass(frozen=True, slots=True)
class Largest:
    """The size of the largest file that may be sent, and what is said of a larger one."""

    max_bytes: int
    refusal: str


async def largest_file(api: AsyncClient) -> Largest:
    """What the API takes at most; nothing, as long as it does not answer."""
    try:
        max_bytes = (await api.limits()).max_bytes
    except ClientError as error:
        return Largest(-1, told(api, error))
    refusal = f"it is larger than {megabytes(max_bytes)}, the most that is accepted"
    return Largest(max_bytes, refusal)


class _Intake:
    """Takes the files of one call, one after the other."""

    def __init__(self, api: AsyncClient, largest: Largest, budget: MemoryBudget) -> None:
        self._api = api
        self._largest = largest
        self._budget = budget

    async def take(self, request: Request, note: Note) -> AsyncIterator[tuple[str, Ticket]]:
        """Of each file its name and its ticket; one that is refused does not hinder the next."""
        coming = pieces(request)
        count = 0
        while (name := await self._next(coming)) is not None:
            count += 1
            if count > MAX_FILES:
                raise ImageTooLargeError(f"send no more than {MAX_FILES} files in one call")
            with self._budget.buffer() as file:
                is_whole = await self._read(coming, file, name, note)
                ticket = await self._send(file, name) if is_whole else self._refusal()
                yield name[:MAX_NAME], ticket

    @staticmethod
    async def _next(coming: AsyncIterator[object]) -> str | None:
        async for piece in coming:
            if isinstance(piece, Begin):
                return piece.name
        return None

    async def _read(
        self, coming: AsyncIterator[object], file: BufferedFile, name: str, note: Note
    ) -> bool:
        """Reads a file to its end; False if it is too large, and nothing of it is kept."""
        size = 0
        try:
            async with asyncio.timeout(FILE_S):
                async for piece in coming:
                    if isinstance(piece, End):
                        break
                    assert isinstance(piece, bytes)  # noqa: S101  # a file's pieces are bytes
                    note.add(name, len(piece))
                    size += len(piece)
                    if size <= self._largest.max_bytes:
                        await file.add(piece)
                    else:
                        file.leave()
        except TimeoutError:
            raise InvalidRequestError(f"a file took longer than {FILE_S:.0f} s") from None
        return size <= self._largest.max_bytes

    def _refusal(self) -> Ticket:
        return Ticket(problem=self._largest.refusal)

    async def _send(self, file: IOBase, name: str) -> Ticket:
        for attempt in range(1, MAX_TRIES + 1):
            try:
                accepted = await self._api.upload(file, name or "image", urgent=True)
                return Ticket(image_id=accepted.image_id)
            except BusyError as error:
                if error.status != HTTPStatus.TOO_MANY_REQUESTS or attempt == MAX_TRIES:
                    return Ticket(problem=error.detail)
                await asyncio.sleep(min(30.0, error.retry_after_s or AGAIN_S * 2.0**attempt))
            except ClientError as error:
                return Ticket(problem=told(self._api, error))
        raise AssertionError


class Note:
    """How far an upload is: bytes since somebody asked, and of which file."""

    def __init__(self) -> None:
        self._name = ""
        self._size = 0

    def add(self, name: str, size: int) -> None:
        self._size = size + (self._size if name == self._name else 0)
        self._name = name

    def taken(self) -> tuple[str, int]:
        size, self._size = self._size, 0
        return self._name, size


class Progress:
    """What uploads on their way tell to the page that sends them."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    @contextmanager
    def of(self, upload_id: str) -> Iterator[Note]:
        note = self._notes[upload_id] = Note()
        try:
            yield note
        finally:
            if self._notes.get(upload_id) is note:
                del self._notes[upload_id]

    async def told(self, upload_id: str) -> AsyncIterator[str]:
        """Events as Gradio's page reads them, until the upload has ended."""
        for _ in range(round(_BEGINS_WITHIN_S / _TOLD_EVERY_S)):
            if upload_id in self._notes:
                break
            await asyncio.sleep(_TOLD_EVERY_S)
        while note := self._notes.get(upload_id):
            name, size = note.taken()
            if size:
                message = {"msg": "update", "orig_name": name, "chunk_size": size}
                yield f"data: {json.dumps(message)}\n\n"
            await asyncio.sleep(_TOLD_EVERY_S)
        yield 'data: {"msg": "done"}\n\n'
