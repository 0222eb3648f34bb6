"""Keeps pages of other sites out: which names a service answers to, and whose pages may call it.

A browser sends whatever page it shows to whatever address that page names, this machine's own
included. Two things tell such calls from ours, and no page can forge either. `Host` is the name
that the browser went by: a name that was made to lead here (DNS rebinding) is none of ours.
`Origin` and `Sec-Fetch-Site` say whose page calls: one of another origin changes nothing here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from facepipe.domain.errors import FacepipeError, ForeignPageError, UnknownHostError
from facepipe.system.settings import AddressSettings, Settings
from facepipe.system.tls import is_loopback
from facepipe.web.problems import error_response

_SAFE = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = (None, 80, 443)
_POLICY_VIOLATION = 1008

_HostPort = tuple[str, int | None]


class SiteGuard:
    """ASGI middleware. Callers that are no browser send no `Origin` and pass."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: frozenset[str],
        own_origins: Iterable[str] = (),
        other_origins: Iterable[str] = (),
        private_paths: tuple[str, ...] = (),
    ) -> None:
        """Where to guard what.

        Args:
            app: what is guarded.
            names: hosts that the service answers to, beside loopback.
            own_origins: `host` or `host:port` of this site where a proxy hides its own name.
            other_origins: `scheme://host:port` of pages that may call although they are not ours.
            private_paths: beginnings of paths where reading, too, is for our own pages alone.
        """
        self._app = app
        self._names = names
        self._own = {found for entry in own_origins if (found := _host_port(entry))}
        self._others = frozenset(other_origins)
        self._private_paths = private_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except FacepipeError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return
            await _refusal(scope, error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = _host(headers) or _called(scope, headers)
        if host is None or not (is_loopback(host[0]) or self._answers_to(host[0], scope)):
            raise UnknownHostError(
                "this service does not answer to that name; names that lead here stand in "
                "FACEPIPE_ACCESS_ALLOWED_HOSTS"
            )
        is_reading = scope.get("method") in _SAFE and not scope["path"].startswith(
            self._private_paths
        )
        if not is_reading and not self._is_ours(headers, host):
            raise ForeignPageError("pages of other origins may not use this service")

    def _answers_to(self, host: str, scope: Scope) -> bool:
        """A name of ours, or the very address that was called: no name leads to that one."""
        called = scope.get("server")
        return host in self._names or bool(called and _is_address(host) and called[0] == host)

    def _is_ours(self, headers: Headers, host: _HostPort) -> bool:
        origin = headers.get("origin")
        if origin in self._others:
            return True
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return False
        if origin is None:
            return True
        page = _host_port(origin) if "://" in origin else None
        return page is not None and (page == host or page in self._own)


def guarded_by(
    app: ASGIApp,
    name: str,
    settings: Settings,
    *,
    other_origins: Iterable[str] = (),
    private_paths: tuple[str, ...] = (),
) -> SiteGuard:
    """The guard of a service: it answers to its own name, and to those of the settings."""
    own = words(settings.access.allowed_hosts)
    known = [getattr(settings.address, service) for service in AddressSettings.model_fields]
    entries = (name, settings.host, settings.bind, *known, *own)
    hosts = {found[0] for entry in entries if (found := _host_port(entry))}
    return SiteGuard(
        app,
        names=frozenset(host for host in hosts if not _is_wildcard(host)),
        own_origins=own,
        other_origins=other_origins,
        private_paths=private_paths,
    )


def words(text: str) -> tuple[str, ...]:
    """The entries of a setting, separated by spaces or commas."""
    return tuple(text.replace(",", " ").split())


def _called(scope: Scope, headers: Headers) -> _HostPort | None:
    """The address of a call without a name, as HTTP/1.0 allows it and browsers never make it."""
    server = scope.get("server")
    if scope.get("http_version") != "1.0" or "host" in headers or not server:
        return None
    return server[0], server[1]


def _host(headers: Headers) -> _HostPort | None:
    found = headers.getlist("host")
    return _host_port(found[0]) if len(found) == 1 else None


def _host_port(text: str) -> _HostPort | None:
    """Host and port of an address, a URL or a bare IPv6 address; None where it is no such."""
    if "://" not in text:
        is_bare_v6 = text.count(":") > 1 and not text.startswith("[")
        text = f"//[{text}]" if is_bare_v6 else f"//{text}"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    # urlsplit reads what it is given with some tolerance; a browser sends host and port alone.
    if not url.hostname or "@" in url.netloc or url.path.strip("/") or url.query or url.fragment:
        return None
    return url.hostname.removesuffix("."), None if port in _DEFAULT_PORTS else port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _refusal(scope: Scope, error: FacepipeError) -> Response:
    response = error_response(Request(scope), error)
    # The rest of a call that is refused is not waited for.
    if scope["method"] not in _SAFE:
        response.headers["Connection"] = "close"
    return response
