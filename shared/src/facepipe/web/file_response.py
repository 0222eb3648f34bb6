"""Files as answers: ranges, what a client has already, and refusals as problem documents."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime
from http import HTTPStatus

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError
from facepipe.files.store import FoundFile

_PIECE_BYTES = 4 * 2**20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_OF_NOT_MODIFIED = ("etag", "last-modified", "cache-control", "content-location", "vary")


def has_it(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has what it asks for, as its `If-None-Match` says."""
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known


def not_modified(headers: Mapping[str, str]) -> Response:
    """304, with those headers of the answer that belong to it."""
    kept = {name: headers[name] for name in _OF_NOT_MODIFIED if name in headers}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def file_answer(found: FoundFile, media_type: str, headers: Mapping[str, str]) -> Response:
    """The answer that sends a file, wherever it is kept."""
    path = found.store.path(found.name)
    if path is None:
        return StreamedFile(found, media_type, headers)
    return StoredFile(path, media_type=media_type, headers=headers)


class StoredFile(FileResponse):
    """Starlette's `FileResponse`, which answers a bad `Range` header in plain text by itself.

    Raises:
        ImageNotFoundError: the file went since the caller saw it.
        InvalidRequestError: the `Range` header cannot be read.
        HTTPException: 416, nothing of the file lies in the range; `Content-Range` has its size.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self.stat_result = await anyio.to_thread.run_sync(os.stat, self.path)
        except FileNotFoundError as error:
            raise ImageNotFoundError("the file is not there any more") from error
        self.set_stat_headers(self.stat_result)
        if has_it(Headers(scope=scope), self.headers["etag"]):
            await not_modified(self.headers)(scope, receive, send)
            return

        async def send_or_raise(message: Message) -> None:
            if message["type"] == "http.response.start":
                _raise_for(message)
            await send(message)

        await super().__call__(scope, receive, send_or_raise)


class StreamedFile(Response):
    """A file of an object store, or one range of it, in pieces; who asks for several gets all.

    Raises:
        ImageNotFoundError: the file went since the caller saw it.
        FilesUnavailableError: the store does not answer. Once the answer has begun, it is cut off.
        InvalidRequestError: the `Range` header cannot be read.
        HTTPException: 416, nothing of the file lies in the range; `Content-Range` has its size.
    """

    def __init__(self, found: FoundFile, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(media_type=media_type, headers=headers)
        self._found = found
        del self.headers["content-length"]
        self.headers["accept-ranges"] = "bytes"
        self.headers["etag"] = found.info.etag
        self.headers["last-modified"] = format_datetime(found.info.modified, usegmt=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, size = Headers(scope=scope), self._found.info.size
        if has_it(headers, self.headers["etag"]):
            await not_modified(self.headers)(scope, receive, send)
            return
        start, end = 0, size
        if headers.get("if-range", self.headers["etag"]) in self._validators:
            start, end = _range_of(headers.get("range", ""), size)
        pieces = self._pieces(start, end)
        first = await anext(pieces, b"")  # what hinders it is told before the answer begins
        if (start, end) != (0, size):
            self.status_code = HTTPStatus.PARTIAL_CONTENT
            self.headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        self.headers["content-length"] = str(end - start)
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @property
    def _validators(self) -> tuple[str, str]:
        return self.headers["etag"], self.headers["last-modified"]

    async def _pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        found = self._found
        for at in range(start, end, _PIECE_BYTES):
            until = min(at + _PIECE_BYTES, end)
            read = found.store.get_range
            try:
                yield await anyio.to_thread.run_sync(read, found.name, found.info, at, until)
            except FileNotFoundError as error:
                raise ImageNotFoundError("the file is not there any more") from error


def _range_of(asked: str, size: int) -> tuple[int, int]:
    """First byte and the one after the last of what is asked for; all, where it is no one range."""
    if not asked or "," in asked:
        return 0, size
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or not any(found.groups()):
        raise _unreadable_range()
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        raise _outside(f"bytes */{size}")
    if start >= end:
        raise _unreadable_range()
    return start, end


def _raise_for(start: Message) -> None:
    match start["status"]:
        case HTTPStatus.BAD_REQUEST:
            raise _unreadable_range()
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _outside(Headers(raw=start["headers"])["content-range"])


def _unreadable_range() -> InvalidRequestError:
    return InvalidRequestError("the Range header cannot be read; `bytes=0-99` is one")


def _outside(size: str) -> HTTPException:
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    return HTTPException(status, "the file has no such range", {"Content-Range": size})
