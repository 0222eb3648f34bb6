"""The gate before all routes: key, scope and rate of a call; then a record of it."""

from __future__ import annotations

import logging
import re
from contextlib import AbstractContextManager, ExitStack, nullcontext

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepipe.domain.errors import FacepipeError, TooManyRequestsError
from facepipe.web.problems import error_response
from input_service.access.keyring import ApiKey
from input_service.access.policy import ANYBODY, AccessPolicy, require_scope
from input_service.access.rates import Slots, TokenBuckets
from input_service.compreface_errors import DETECT
from input_service.docs.pages import ASSETS

# Whoever watches over the service needs no key, and the documentation is public.
_FREE = frozenset({"/healthz", "/readyz", "/openapi.json", "/docs", "/redoc"})
_OF_AN_IMAGE = re.compile(r"/v1/images/(?P<image_id>[0-9a-f]{64})(?:/(?P<part>[a-z]+))?")

_OF_ALL = {
    ("GET", "/v1/images"): "list",
    ("GET", "/v1/events"): "follow",
    ("GET", "/v1/export"): "export",
    ("DELETE", "/v1/images"): "delete",
}

_audit = logging.getLogger("audit")


class Gate:
    """ASGI middleware; leaves the caller as `request.state.caller`."""

    def __init__(
        self, app: ASGIApp, policy: AccessPolicy, buckets: TokenBuckets, waiting: Slots
    ) -> None:
        self._app = app
        self._policy = policy
        self._buckets = buckets
        self._waiting = waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = ANYBODY
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with ExitStack() as held:
            try:
                caller = self._admit(scope)
                held.enter_context(self._slot(scope, caller))
            except FacepipeError as error:
                response = error_response(Request(scope), error)
                if error.http_status == 401:
                    response.headers["WWW-Authenticate"] = "Bearer"
                await response(scope, receive, watched)
            else:
                scope.setdefault("state", {})["caller"] = caller
                await self._app(scope, receive, watched)
            finally:
                _record(scope, caller, status)

    def _slot(self, scope: Scope, caller: ApiKey) -> AbstractContextManager[None]:
        """Bounds the calls that are answered when an image is finished."""
        found = _OF_AN_IMAGE.fullmatch(scope["path"])
        of_one = found is not None and found["part"] == "events"
        follows = of_one or scope["path"] in ("/v1/events", DETECT)
        if not follows and "wait" not in QueryParams(scope["query_string"]):
            return nullcontext()
        client = scope.get("client")
        return self._waiting.held(client[0] if caller is ANYBODY and client else caller.name)

    def _admit(self, scope: Scope) -> ApiKey:
        if scope["path"] in _FREE or scope["path"].startswith(f"{ASSETS}/"):
            return ANYBODY
        caller = self._policy.caller(_key(Headers(scope=scope)))
        if self._policy.is_required:
            require_scope(caller, scope["method"], scope["path"])
            if wait_s := self._buckets.take(caller.name):
                raise TooManyRequestsError(
                    f"the key {caller.name} calls too often", retry_after_s=wait_s
                )
        return caller


def _key(headers: Headers) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    return headers.get("x-api-key")


def _record(scope: Scope, caller: ApiKey, status: int) -> None:
    """One line for each read and deletion of what is known of people."""
    found = _OF_AN_IMAGE.fullmatch(scope["path"])
    if found is not None and scope["method"] in ("GET", "HEAD"):
        action, image_id = f"read_{found['part'] or 'state'}", found["image_id"]
    elif found is not None and scope["method"] == "DELETE":
        action, image_id = "delete", found["image_id"]
    elif found_all := _OF_ALL.get((scope["method"].replace("HEAD", "GET"), scope["path"])):
        action, image_id = found_all, ""
    else:
        return
    _audit.info(
        "%s %s by %s: %d",
        action,
        image_id[:12] or "images",
        caller.name,
        status,
        extra={"key": caller.name, "image_id": image_id, "action": action, "status": status},
    )
