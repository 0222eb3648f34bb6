"""A file as an answer, whose refusals are problem documents like all others."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from facepipe.domain.errors import InvalidRequestError


class StoredFile(FileResponse):
    """Starlette's `FileResponse`, which answers a bad `Range` header in plain text by itself.

    Raises:
        InvalidRequestError: the `Range` header cannot be read.
        HTTPException: 416, nothing of the file lies in the range; `Content-Range` has its size.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
