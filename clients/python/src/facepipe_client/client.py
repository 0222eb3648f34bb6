"""The two clients: one blocks, one is awaited; both do what `Api` says."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from facepipe_client.api import Api
from facepipe_client.version import VERSION
from facepipe_client.wire import AsyncWire, BlockingWire, iterate, run

P = ParamSpec("P")
T = TypeVar("T")

ADDRESS = "http://127.0.0.1:8000"
TIMEOUT_S = 30.0


class AsyncClient(Api):
    """The API of a pipeline, awaited.

    Args:
        address: of the input API.
        key: an API key, where the pipeline asks for one.
        timeout_s: of a call; uploads and streams have longer ones.
        verify: what `https://` is checked by; True: the authorities that this machine knows.
        transport: of httpx, e.g. for tests; it checks by its own `verify`.
    """

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        key: str = "",
        timeout_s: float = TIMEOUT_S,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.address = address.rstrip("/")
        options = _options(self.address, key, timeout_s, verify)
        super().__init__(AsyncWire(httpx.AsyncClient(transport=transport, **options)))

    async def close(self) -> None:
        """Closes all connections."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _blocking(
    call: Callable[Concatenate[Api, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    @wraps(call)
    def method(self: Client, /, *arguments: P.args, **named: P.kwargs) -> T:
        return run(call(self._api, *arguments, **named))

    return method


def _iterating(
    call: Callable[Concatenate[Api, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    @wraps(call)
    def method(self: Client, /, *arguments: P.args, **named: P.kwargs) -> Iterator[T]:
        return iterate(call(self._api, *arguments, **named))

    return method


class Client:
    """The API of a pipeline. Threads may share a client.

    Args:
        address: of the input API.
        key: an API key, where the pipeline asks for one.
        timeout_s: of a call; uploads and streams have longer ones.
        verify: what `https://` is checked by; True: the authorities that this machine knows.
        transport: of httpx, e.g. for tests; it checks by its own `verify`.
    """

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        key: str = "",
        timeout_s: float = TIMEOUT_S,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.address = address.rstrip("/")
        options = _options(self.address, key, timeout_s, verify)
        self._wire = BlockingWire(httpx.Client(transport=transport, **options))
        self._api = Api(self._wire)

    upload = _blocking(Api.upload)
    upload_many = _blocking(Api.upload_many)
    analyse = _blocking(Api.analyse)
    wait = _blocking(Api.wait)
    wait_all = _blocking(Api.wait_all)
    follow = _iterating(Api.follow)
    image = _blocking(Api.image)
    images = _iterating(Api.images)
    image_page = _blocking(Api.image_page)
    result = _blocking(Api.result)
    file = _blocking(Api.file)
    annotated = _blocking(Api.annotated)
    thumbnail = _blocking(Api.thumbnail)
    sidecar = _blocking(Api.sidecar)
    face = _blocking(Api.face)
    export = _iterating(Api.export)
    corrections = _blocking(Api.corrections)
    correct = _blocking(Api.correct)
    take_back = _blocking(Api.take_back)
    retry = _blocking(Api.retry)
    delete = _blocking(Api.delete)
    delete_images = _blocking(Api.delete_images)
    retry_images = _blocking(Api.retry_images)
    reanalyse = _blocking(Api.reanalyse)
    reanalysis = _blocking(Api.reanalysis)
    changes = _iterating(Api.changes)
    trace = _blocking(Api.trace)
    stats = _blocking(Api.stats)
    pause = _blocking(Api.pause)
    resume = _blocking(Api.resume)
    limits = _blocking(Api.limits)
    plots = _blocking(Api.plots)
    plots_data = _blocking(Api.plots_data)
    plot = _blocking(Api.plot)
    health = _blocking(Api.health)

    def close(self) -> None:
        """Closes all connections."""
        run(self._wire.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _options(
    address: str, key: str, timeout_s: float, verify: ssl.SSLContext | bool
) -> dict[str, Any]:
    headers = {"User-Agent": f"facepipe-client/{VERSION}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    timeout = httpx.Timeout(timeout_s, connect=3.0)
    # A proxy of the environment would be asked for a pipeline of this machine.
    return {
        "base_url": address,
        "headers": headers,
        "timeout": timeout,
        "trust_env": False,
        "verify": verify,
    }
