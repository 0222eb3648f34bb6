"""Errors of the drop-in for CompreFace, in its shape: `{"message": ..., "code": number}`."""

from __future__ import annotations

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepipe.domain.errors import FacepipeError

DETECT = "/api/v1/detection/detect"
_PROBLEM = "application/problem+json"

# Our code: CompreFace's code, and the status it has there.
_THEIRS = {
    "unauthorized": (10, 404),
    "unsupported_image": (21, 400),
    "raw_not_supported": (21, 400),
    "undecodable_image": (21, 400),
    "invalid_request": (26, 400),
    "no_face": (28, 400),
    "failed": (41, 500),
}
_MISSING_HEADER = (20, 400)
_FROM_SERVICES = 41


class NoFaceError(FacepipeError):
    """The image has no face, which is an error for CompreFace."""

    code, http_status, title = "no_face", 400, "No face"


class CompreFaceErrors:
    """ASGI middleware: a problem document for a call of CompreFace leaves in its shape.

    Codes are CompreFace's where it has one for it, else 0; the status stays where it has none.
    `reason` is ours, and stable.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != DETECT:
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def told(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _answer(scope, start, body, send)
            else:
                await send(message)

        await self._app(scope, receive, told)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(_PROBLEM)


async def _answer(scope: Scope, start: Message, body: bytes, send: Send) -> None:
    problem = json.loads(body)
    code, status = _THEIRS.get(problem["code"], (0, start["status"]))
    if status > 500 and not code:
        code = _FROM_SERVICES
    message = problem.get("detail") or problem.get("title", "")
    if problem["code"] == "unauthorized" and "x-api-key" not in Headers(scope=scope):
        (code, status), message = _MISSING_HEADER, "Missing header: x-api-key"
    told = json.dumps({"message": message, "code": code, "reason": problem["code"]}).encode()
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-type"], headers["content-length"] = "application/json", str(len(told))
    await send({**start, "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": told})
