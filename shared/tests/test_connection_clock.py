"""What a connection may take its time for, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from facepipe.system.settings import HttpSettings
from facepipe.web.connections import bounded_protocol

LIMITS = HttpSettings(head_s=10, body_s=20, send_s=60)
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n"
ONE_CALL = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Loop:
    """Tells the time, and runs nothing."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def call_later(self, _delay_s: float, _call: Callable[..., None], *_: object) -> Mock:
        return Mock()

    def create_task(self, task: Coroutine[Any, Any, None]) -> Mock:
        task.close()
        return Mock()


class Wire:
    """The other end, as a connection sees it."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def get_extra_info(self, name: str) -> object:
        return ("192.0.2.1", 5) if name in ("peername", "sockname") else None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    def __init__(self) -> None:
        self.loop, self.wire = Loop(), Wire()
        self.protocol = bounded_protocol(LIMITS)(
            config=uvicorn.Config(Mock(), log_config=None),
            server_state=ServerState(),
            app_state={},
            _loop=self.loop,  # type: ignore[arg-type]  # what of it is used is there
        )
        self.protocol.connection_made(self.wire)  # type: ignore[arg-type]  # the same

    def hear(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def answer(self) -> None:
        async def send() -> None:
            await self.protocol.cycle.send(
                {"type": "http.response.start", "status": 200, "headers": []}
            )
            await self.protocol.cycle.send({"type": "http.response.body", "body": b""})

        asyncio.run(send())

    def pass_time(self, seconds: int) -> None:
        """As the server does: a look every second."""
        for _ in range(seconds):
            self.loop.now += 1
            self.protocol.check(self.loop.now)  # type: ignore[attr-defined]  # of our subclass

    @property
    def is_open(self) -> bool:
        return not self.wire.is_closed


@pytest.fixture
def connection() -> Connection:
    return Connection()


def test_a_caller_of_many_calls_keeps_its_connection(connection: Connection) -> None:
    for _ in range(100):
        connection.hear(ONE_CALL)
        connection.answer()
        connection.pass_time(3)

    assert connection.is_open


def test_every_head_has_to_come_in_time(connection: Connection) -> None:
    connection.hear(ONE_CALL)
    connection.answer()
    for letter in range(12):
        connection.hear(ONE_CALL[letter : letter + 1])
        connection.pass_time(1)

    assert b"408 Request Timeout" in connection.wire.written
    assert not connection.is_open


def test_a_body_may_take_as_long_as_it_moves(connection: Connection) -> None:
    connection.hear(HEAD + b"\r\n")
    for _ in range(300):
        connection.hear(bytes(1200))
        asyncio.run(connection.protocol.cycle.receive())
        connection.pass_time(1)
    assert connection.is_open

    for _ in range(45):
        connection.hear(bytes(100))
        connection.pass_time(1)
    assert b"408 Request Timeout" in connection.wire.written
    assert not connection.is_open


def test_a_body_that_we_do_not_read_is_not_late(connection: Connection) -> None:
    # Given a body of which more has come than the route has read
    connection.hear(HEAD + b"\r\n" + bytes(100_000))

    # When the route takes its time
    connection.pass_time(500)
    assert connection.is_open

    # Then the clock runs again from when it reads on
    asyncio.run(connection.protocol.cycle.receive())
    connection.pass_time(15)
    assert connection.is_open
    connection.pass_time(15)
    assert not connection.is_open


def test_a_body_that_waits_for_our_word_is_not_late(connection: Connection) -> None:
    connection.hear(HEAD + b"Expect: 100-continue\r\n\r\n")

    connection.pass_time(500)

    assert connection.is_open


def test_work_may_take_long(connection: Connection) -> None:
    connection.hear(ONE_CALL)

    connection.pass_time(5000)

    assert connection.is_open


def test_an_answer_may_take_as_long_as_it_is_taken(connection: Connection) -> None:
    connection.hear(ONE_CALL)
    for _ in range(20):
        connection.protocol.pause_writing()
        connection.pass_time(50)
        connection.protocol.resume_writing()
    assert connection.is_open

    connection.protocol.pause_writing()
    connection.pass_time(70)
    assert not connection.is_open
