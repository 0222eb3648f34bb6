"""Bounds on the connections of a server: how many, from where, and how slowly they may speak.

uvicorn knows one limit for all and none for a request that never ends. Its protocol is extended
by what a server needs that strangers reach: whoever says nothing makes room for whoever comes,
heads and bodies have to arrive in time, and an answer that nobody takes is not kept for ever.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import defaultdict
from http import HTTPStatus
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from facepipe.system.settings import HttpSettings

_MIN_BYTES_PER_S = 1024


def bounded_protocol(limits: HttpSettings) -> type[H11Protocol]:
    """Uvicorn's protocol for one server, whose connections are bounded together."""

    class Protocol(_BoundedProtocol):
        registry = Connections(limits)

    return Protocol


class Connections:
    """The open connections of a server. Used by the event loop alone."""

    def __init__(self, limits: HttpSettings) -> None:
        self.limits = limits
        self._all: dict[_BoundedProtocol, str] = {}
        self._by_address: defaultdict[str, dict[_BoundedProtocol, None]] = defaultdict(dict)
        self._period_s = min(1.0, *(s / 4 for s in (limits.head_s, limits.body_s, limits.send_s)))
        self._is_watching = False

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: _BoundedProtocol, address: str) -> bool:
        """Takes a connection in; the longest silent one makes room where there is none."""
        theirs = self._by_address[address]
        if len(theirs) >= self.limits.connections_per_address and not _make_room(theirs):
            return False
        if len(self._all) >= self.limits.connections and not _make_room(self._all):
            return False
        self._by_address[address][connection] = None
        self._all[connection] = address
        if not self._is_watching:
            self._is_watching = True
            connection.loop.call_later(self._period_s, self._watch, connection.loop)
        return True

    def release(self, connection: _BoundedProtocol) -> None:
        """Forgets a connection; doing it twice does no harm."""
        address = self._all.pop(connection, None)
        if address is None:
            return
        theirs = self._by_address[address]
        del theirs[connection]
        if not theirs:
            del self._by_address[address]

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection in list(self._all):
            connection.check(loop.time())
        self._is_watching = bool(self._all)
        if self._is_watching:
            loop.call_later(self._period_s, self._watch, loop)


class _BoundedProtocol(H11Protocol):
    """One connection, between two looks at it."""

    registry: Connections

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_admitted = False
        self._received = self._taken = 0
        # What it was doing at the last look, since when, and how much had come by then.
        self._doing: tuple[str, object] = ("", None)
        self._since = self.loop.time()
        self._received_then = 0

    @property
    def is_silent(self) -> bool:
        """Whether it is between two requests, has not said its first one, or is closing."""
        return self.transport.is_closing() or (self._is_answered and self._is_between_requests)

    @property
    def _is_answered(self) -> bool:
        return self._request is None or self._request.response_complete

    @property
    def _request(self) -> RequestResponseCycle | None:
        """Uvicorn sets it at the first request, whatever its types say."""
        return self.cycle

    @property
    def _is_between_requests(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.DONE)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self.transport = transport
        self._is_admitted = self.registry.admit(self, _network(transport))
        if self._is_admitted:
            super().connection_made(transport)
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", "try again")

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.release(self)
        if self._is_admitted:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_admitted and not self.transport.is_closing():
            self._received += len(data)
            super().data_received(data)

    def resume_writing(self) -> None:
        self._taken += 1
        super().resume_writing()

    def check(self, now: float) -> None:
        """Ends the connection if what it is doing has taken too long."""
        doing, limit_s = self._activity()
        if doing != self._doing:
            self._doing, self._since, self._received_then = doing, now, self._received
        if limit_s is None or now - self._since < limit_s:
            return
        match doing[0]:
            case "body" if self._received - self._received_then >= limit_s * _MIN_BYTES_PER_S:
                self._since, self._received_then = now, self._received
            case "body":
                self._end_slow_request("the body came too slowly")
            case "head" if self.conn.trailing_data[0]:
                self._end_slow_request("the head of the request did not come in time")
            case _:
                self.transport.abort()

    def _activity(self) -> tuple[tuple[str, object], float | None]:
        """What it is doing, told apart from the same at another request; how long it may."""
        limits, request = self.registry.limits, self.cycle
        if self.transport.is_closing() or self.flow.write_paused:
            return ("answer", self._taken), limits.send_s
        if self._is_answered:
            return ("head" if self._is_between_requests else "rest", request), limits.head_s
        is_awaited = not self.flow.read_paused and not request.waiting_for_100_continue
        if self.conn.their_state is h11.SEND_BODY and is_awaited:
            return ("body", request), limits.body_s
        return ("work", request), None

    def _end_slow_request(self, detail: str) -> None:
        request = self._request
        if request is not None and not request.response_complete:
            request.disconnected = True
            request.message_event.set()
            if request.response_started:
                self.transport.abort()
                return
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", detail)

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answers past h11, which has its own view of where the connection stands."""
        problem = {
            "type": f"urn:facepipe:problem:{code}",
            "title": status.phrase,
            "status": status,
            "detail": detail,
            "code": code,
        }
        body = json.dumps(problem).encode()
        retry = "Retry-After: 5\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status:d} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _make_room(connections: dict[_BoundedProtocol, Any]) -> bool:
    silent = next((found for found in connections if found.is_silent), None)
    if silent is None:
        return False
    silent.registry.release(silent)
    silent.transport.abort()
    return True


def _network(transport: asyncio.Transport) -> str:
    """Where a connection comes from. Who has one address of IPv6 has its whole /64."""
    peer = cast("tuple[str, int] | str | None", transport.get_extra_info("peername"))
    if not isinstance(peer, tuple):
        return ""
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except ValueError:
        return peer[0]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
