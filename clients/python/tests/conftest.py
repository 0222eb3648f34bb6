"""A scripted server over real HTTP, and both clients behind one face."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from facepipe_client import AsyncClient, Client
from tests.support.scripted_api import Server


@pytest.fixture
def server() -> Iterator[Server]:
    scripted = Server()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(scripted, log_config=None, lifespan="off")
        runs = uvicorn.Server(config)
        thread = threading.Thread(target=runs.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not runs.started:
            assert thread.is_alive()
            time.sleep(0.01)
        scripted.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield scripted
        runs.should_exit = True
        thread.join(20)


class Awaited:
    """`AsyncClient` with the face of `Client`."""

    def __init__(self, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(address, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            made = method(*arguments, **named)
            return self._runner.run(_listed(made) if inspect.isasyncgen(made) else made)

        return call

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


async def _listed(items: Any) -> list[Any]:
    return [item async for item in items]


@pytest.fixture(params=[Client, Awaited], ids=["blocking", "awaited"])
def connect(request: pytest.FixtureRequest, server: Server) -> Iterator[Callable[..., Any]]:
    """Makes a client of the server."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(request.param(server.address, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    return connect()
