"""A login for the page: HTTP Basic over everything but the probes.

Over an untrusted network put TLS in front: Basic sends the password with every request.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from facepipe.domain.errors import MisconfiguredError
from gradio_viewer.settings import ViewerSettings

_OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class LoginMissingError(MisconfiguredError):
    """The page would be open to a network; the message says what to set."""


class Login:
    """ASGI middleware that lets in who knows user and password."""

    def __init__(self, app: ASGIApp, *, user: str, password: str) -> None:
        self._app = app
        self._expected = f"{user}:{password}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN_PATHS or self._knows(scope):
            await self._app(scope, receive, send)
            return
        answer = PlainTextResponse(
            "Log in.", 401, {"WWW-Authenticate": 'Basic realm="Face analysis", charset="UTF-8"'}
        )
        await answer(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        kind, _, value = Headers(scope=scope).get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self._expected)


def needs_login(settings: ViewerSettings) -> bool:
    """Whether there is a login.

    Raises:
        LoginMissingError: the page is published beyond this host without one.
    """
    if settings.viewer.password:
        return True
    if settings.access.open or not settings.is_published:
        return False
    raise LoginMissingError(
        f"FACEPIPE_BIND={settings.bind} opens the page to a network: set FACEPIPE_VIEWER_PASSWORD, "
        "or FACEPIPE_ACCESS_OPEN=true to have it open on purpose"
    )
