"""How calls travel: awaited or blocking, behind one protocol.

What the API can do is written once, as coroutines (`api.py`). On the blocking wire whatever they
await is done at once, so that `run` has their result without an event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import httpx

T = TypeVar("T")


class Wire(Protocol):
    """What `Api` needs of a connection; each method is that of httpx."""

    def request(self, method: str, path: str, **parts: Any) -> httpx.Request: ...
    async def send(self, request: httpx.Request) -> httpx.Response: ...
    async def read(self, answer: httpx.Response) -> bytes: ...
    def lines(self, answer: httpx.Response) -> AsyncIterator[str]: ...
    def chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]: ...
    async def release(self, answer: httpx.Response) -> None: ...
    async def sleep(self, seconds: float) -> None: ...
    async def close(self) -> None: ...


class AsyncWire:
    """Waits in an event loop."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        return self._http.build_request(method, path, **parts)

    async def send(self, request: httpx.Request) -> httpx.Response:
        return await self._http.send(request, stream=True, follow_redirects=True)

    async def read(self, answer: httpx.Response) -> bytes:
        return await answer.aread()

    def lines(self, answer: httpx.Response) -> AsyncIterator[str]:
        return answer.aiter_lines()

    def chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        return answer.aiter_bytes()

    async def release(self, answer: httpx.Response) -> None:
        await answer.aclose()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._http.aclose()


class BlockingWire:
    """Blocks the thread; none of its coroutines ever waits."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        return self._http.build_request(method, path, **parts)

    async def send(self, request: httpx.Request) -> httpx.Response:
        return self._http.send(request, stream=True, follow_redirects=True)

    async def read(self, answer: httpx.Response) -> bytes:
        return answer.read()

    async def lines(self, answer: httpx.Response) -> AsyncIterator[str]:
        for line in answer.iter_lines():
            yield line

    async def chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        for chunk in answer.iter_bytes():
            yield chunk

    async def release(self, answer: httpx.Response) -> None:
        answer.close()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def close(self) -> None:
        self._http.close()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine on the blocking wire.

    Raises:
        RuntimeError: it waits for an event loop, which is a fault of `api.py`.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a call of the blocking client waits for an event loop")


def iterate(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items of a generator on the blocking wire, each asked for when it is needed."""
    try:
        while True:
            try:
                item = run(_next_of(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        run(items.aclose())


async def _next_of(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)
