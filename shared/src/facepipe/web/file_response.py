"""Files as answers: ranges, what a client has already, and refusals as problem documents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError

_OF_NOT_MODIFIED = ("etag", "last-modified", "cache-control", "content-location", "vary")


def has_it(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has what it asks for, as its `If-None-Match` says."""
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known


def not_modified(headers: Mapping[str, str]) -> Response:
    """304, with those headers of the answer that belong to it."""
    kept = {name: headers[name] for name in _OF_NOT_MODIFIED if name in headers}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


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


def _raise_for(start: Message) -> None:
    match start["status"]:
        case HTTPStatus.BAD_REQUEST:
            raise InvalidRequestError("the Range header cannot be read; `bytes=0-99` is one")
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            size = Headers(raw=start["headers"])["content-range"]
            raise HTTPException(
                start["status"], "the file has no such range", {"Content-Range": size}
            )
