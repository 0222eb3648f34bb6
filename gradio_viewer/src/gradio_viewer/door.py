"""The page's door: what of Gradio is open to a browser, and what goes through to it.

Gradio serves far more than a page needs: files by their path, other servers' answers, calls
without a queue, sessions by a name that anybody may give. Open is what stands here.
"""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepipe.domain.errors import (
    FacepipeError,
    ImageNotFoundError,
    ImageTooLargeError,
    InvalidRequestError,
)
from facepipe.web.problems import error_response
from gradio_viewer.events import Events
from gradio_viewer.visitors import COOKIE, Visitors, new_visitor, visitor_of

API = "/gradio_api"
MAX_CALL = 4 * 2**20
_READ = re.compile(
    r"/(healthz|readyz|metrics|theme\.css|favicon\.ico|robots\.txt|manifest\.json"
    r"|(static|assets|files|plots|page)/.+)"
)
_HEARTBEAT = re.compile(rf"{API}/heartbeat/([^/]+)")
_MESSAGES, _SESSION = f"{API}/queue/data", "session_hash"
_BY_QUERY = {_MESSAGES: _SESSION, f"{API}/upload_progress": "upload_id"}
# What Gradio tells its page before it breaks the connection off with a traceback.
_NO_SESSION = PlainTextResponse(
    'data: {"msg": "unexpected_error", "message": "load the page again", '
    '"session_not_found": true, "success": false}\n\n',
    media_type="text/event-stream",
)


class Door:
    """ASGI middleware around the whole viewer; `request.state.visitor` is who calls."""

    def __init__(self, app: ASGIApp, *, events: Events, visitors: Visitors) -> None:
        self._app = app
        self._events = events
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._let_in(request, send)
        except FacepipeError as error:
            await error_response(request, error)(scope, receive, send)
        except ClientDisconnect:
            pass

    async def _let_in(self, request: Request, send: Send) -> None:
        scope, receive, path = request.scope, request.receive, request.url.path
        way = (request.method, path)
        if way in (("GET", "/"), ("HEAD", "/")):
            await self._app(_with_query(scope, {}), receive, _welcoming(request, send))
            return
        if request.method == "GET" and _READ.fullmatch(path):
            await self._app(scope, receive, send)
            return
        visitor = visitor_of(request)
        heartbeat = _HEARTBEAT.fullmatch(path)
        if way == ("POST", f"{API}/queue/join"):
            body = self._events.checked(await _body_of(request), _known(visitor))
            scope, receive = _with_body(scope, receive, body)
        elif way == ("POST", f"{API}/upload"):
            scope = self._with_own(scope, _known(visitor), "upload_id")
        elif request.method == "GET" and path in _BY_QUERY:
            scope = self._with_own(scope, _known(visitor), _BY_QUERY[path])
        elif request.method == "GET" and heartbeat:
            name = self._visitors.own_name(_known(visitor), heartbeat[1])
            path = f"{API}/heartbeat/{name}"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        else:
            raise ImageNotFoundError("there is nothing here")
        if path == _MESSAGES and not self._events.has_session(
            Request(scope).query_params[_SESSION]
        ):
            await _NO_SESSION(scope, receive, send)
            return
        state = {**scope.get("state", {}), "visitor": visitor}
        await self._app({**scope, "state": state}, receive, send)

    def _with_own(self, scope: Scope, visitor: str, key: str) -> Scope:
        """With that one parameter, as the visitor's own."""
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(key, "")
        return _with_query(scope, {key: self._visitors.own_name(visitor, given)})


def _known(visitor: str | None) -> str:
    if visitor is None:
        raise InvalidRequestError("load the page again: it needs its cookie")
    return visitor


def _with_query(scope: Scope, parameters: dict[str, str]) -> Scope:
    return {**scope, "query_string": urlencode(parameters).encode()}


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_CALL:
            raise ImageTooLargeError("that is too much at once; choose fewer files")
    return bytes(body)


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The same call with another body."""
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name not in (b"content-length", b"content-type", b"transfer-encoding")
    ]
    length = str(len(body)).encode()
    headers = [*kept, (b"content-length", length), (b"content-type", b"application/json")]
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_other() -> Message:
        return messages.pop() if messages else await receive()

    return {**scope, "headers": headers}, receive_other


def _welcoming(request: Request, send: Send) -> Send:
    """Gives a browser that comes for the first time its cookie."""
    if visitor_of(request):
        return send
    cookie = SimpleCookie({COOKIE: new_visitor()})
    cookie[COOKIE].update({"path": "/", "httponly": "yes", "samesite": "Lax"})
    if request.url.scheme == "https":
        cookie[COOKIE]["secure"] = "yes"

    async def welcoming(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.append("set-cookie", cookie[COOKIE].OutputString())
            headers["cache-control"] = "private, no-cache"
        await send(message)

    return welcoming
