"""The doors of the inside ports: nobody passes without the inside token.

Health stays open on both sides, for whoever watches over the processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from facepipe.domain.errors import InsideOnlyError
from facepipe.system.inside_token import InsideToken
from facepipe.web.problems import error_response

_Handler = Any  # generic in the types of grpc, and no type at run time
_FREE_PATHS = frozenset({"/healthz", "/readyz"})
_FREE_SERVICE = "/grpc.health.v1.Health/"
_ADVICE = "only services call here: send the inside token, `authorization: Bearer TOKEN`"


class HttpGate:
    """ASGI middleware: 401 for every path but the probes, unless the token is shown."""

    def __init__(self, app: ASGIApp, token: InsideToken) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._may_pass(scope):
            await self._app(scope, receive, send)
            return
        response = error_response(Request(scope), InsideOnlyError(_ADVICE))
        response.headers["WWW-Authenticate"] = "Bearer"
        await response(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        shown = Headers(scope=scope).get("authorization", "")
        return scope["path"] in _FREE_PATHS or self._token.is_shown_by(shown)


class GrpcGate(grpc.ServerInterceptor):
    """UNAUTHENTICATED for every service but health, unless the token is shown."""

    def __init__(self, token: InsideToken) -> None:
        self._token = token

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _Handler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        if handler_call_details.method.startswith(_FREE_SERVICE):
            return continuation(handler_call_details)
        for name, value in handler_call_details.invocation_metadata or ():
            if name == "authorization" and self._token.is_shown_by(value):
                return continuation(handler_call_details)
        return grpc.unary_unary_rpc_method_handler(_refuse)


def _refuse(_request: Any, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, _ADVICE)
