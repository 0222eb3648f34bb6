"""HTTP to addresses that clients or settings name: never into private networks.

The addresses of a name are checked when a connection is made, and the connection goes to the
address that was checked: what a name means meanwhile does not matter.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore

from facepipe.domain.errors import ImageTooLargeError, UrlNotAllowedError, UrlNotFetchedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_MOVED = (301, 302, 303, 307, 308)
_MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class Reply:
    """What an address answered.

    Attributes:
        headers: by their names in small letters.
        url: the last one, after all redirects.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Outgoing:
    """A client for addresses of others.

    Args:
        allowed: private networks that may be reached all the same, separated by spaces.
        timeout_s: of a whole call.
    """

    def __init__(self, allowed: str, timeout_s: float) -> None:
        networks = [ipaddress.ip_network(word) for word in allowed.split()]
        self._timeout_s = timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpcore.default_ssl_context(),
            max_keepalive_connections=0,  # each call checks anew
            network_backend=_CheckedAddresses(networks),
        )

    async def get(self, url: str, max_bytes: int, max_redirects: int) -> Reply:
        """The file behind a URL.

        Raises:
            UrlNotAllowedError: it is no address of the public Internet, or leads to another.
            UrlNotFetchedError: it does not answer, or not in time, or not with a file.
            ImageTooLargeError: the file has more than `max_bytes`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                for _ in range(max_redirects + 1):
                    reply = await self._once("GET", url, {}, b"", max_bytes)
                    if reply.status not in _MOVED or "location" not in reply.headers:
                        break
                    url = urljoin(url, reply.headers["location"])
                else:
                    raise UrlNotFetchedError(f"more than {max_redirects} redirects")
        except TimeoutError as error:
            raise UrlNotFetchedError(f"it took longer than {self._timeout_s:g} s") from error
        if reply.status != 200:
            raise UrlNotFetchedError(f"it answered {reply.status}")
        return reply

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Sends a document; the status of the answer. Redirects are not followed.

        Raises:
            UrlNotAllowedError, UrlNotFetchedError: as with `get`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await self._once("POST", url, headers, body, 64 * 1024)).status
        except TimeoutError as error:
            raise UrlNotFetchedError(f"it took longer than {self._timeout_s:g} s") from error
        except ImageTooLargeError:
            return 200  # what a receiver says beside its status is of no interest

    async def close(self) -> None:
        await self._pool.aclose()

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, max_bytes: int
    ) -> Reply:
        sent = {"Host": _checked(url), "User-Agent": "facepipe", "Accept-Encoding": "identity"}
        try:
            async with self._pool.stream(
                method, url, headers=[*(sent | dict(headers)).items()], content=body or None
            ) as answer:
                data = bytearray()
                async for chunk in answer.aiter_stream():
                    data += chunk
                    if len(data) > max_bytes:
                        raise ImageTooLargeError(f"the file has more than {max_bytes} bytes")
                pairs = ((k.decode("latin-1"), v.decode("latin-1")) for k, v in answer.headers)
                named = {name.lower(): value for name, value in pairs}
                return Reply(answer.status, named, bytes(data), url)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise UrlNotFetchedError(f"it does not answer: {error}") from error
        except httpcore.UnsupportedProtocol as error:
            raise UrlNotAllowedError("only http and https are fetched") from error


class _CheckedAddresses(httpcore.AsyncNetworkBackend):
    """Connects to names all of whose addresses may be reached."""

    def __init__(self, allowed: list[Network]) -> None:
        self._allowed = allowed
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise UrlNotFetchedError(f"there is no address of {host}") from error
        addresses = [str(one[4][0]) for one in found]
        for address in addresses:
            if not may_be_reached(address, self._allowed):
                raise UrlNotAllowedError(f"{host} is in a private network, which is not fetched")
        return await self._backend.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )


def may_be_reached(address: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address is of the public Internet, or of a network that is allowed.

    >>> [may_be_reached(one) for one in ("8.8.8.8", "127.0.0.1", "::ffff:10.0.0.1")]
    [True, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _inside(ip)
    if any(one in network for one in (ip, inner) for network in allowed if one is not None):
        return True
    return all(one.is_global and not one.is_multicast for one in (ip, inner) if one is not None)


def _inside(ip: Address) -> Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _checked(url: str) -> str:
    """The header `Host` of a URL. Raises UrlNotAllowedError where it cannot be fetched at all."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UrlNotAllowedError(f"no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UrlNotAllowedError("only http and https are fetched")
    if parts.username is not None or len(url) > _MAX_URL or not url.isascii():
        raise UrlNotAllowedError(
            f"a URL has neither a user nor more than {_MAX_URL} characters, all of them ASCII"
        )
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
