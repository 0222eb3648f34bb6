"""Many and slow callers, over real sockets: they end, and nobody else waits for them."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from facepipe.system.settings import HttpSettings, Settings
from facepipe.web.service import create_app, create_server
from tests.support.waiting import wait_until

PATIENCE_S = 60.0
LARGE = 32 * 2**20
GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /bodies HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Served:
    """A service on a free port, and what it knows of its calls."""

    def __init__(self, limits: HttpSettings) -> None:
        self.app = create_app("test_service", Settings(http=limits), is_inside=False)
        self.gone = threading.Event()
        self.release = threading.Event()
        self.begun = threading.Semaphore(0)
        self._add_routes(self.app)
        self.server = create_server(self.app, "127.0.0.1", 0)

    def _add_routes(self, app: FastAPI) -> None:
        @app.post("/bodies")
        async def bodies(request: Request) -> int:
            try:
                return len(await request.body())
            finally:
                self.gone.set()

        @app.get("/work")
        def work() -> str:
            self.begun.release()
            self.release.wait(PATIENCE_S)
            return "done"

        @app.get("/large")
        def large() -> Response:
            self.begun.release()
            return Response(bytes(LARGE))

        @app.post("/unread")
        async def unread() -> str:
            return "not read"

    @property
    def port(self) -> int:
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def open_connections(self) -> int:
        return len(self.server.server_state.connections)

    def connect(self, say: bytes = b"") -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        peer.sendall(say)
        return peer

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S, trust_env=False)


@contextmanager
def serving(limits: HttpSettings) -> Iterator[Served]:
    served = Served(limits)
    thread = threading.Thread(target=served.server.run)
    thread.start()
    try:
        wait_until(lambda: served.server.started)
        yield served
    finally:
        served.release.set()
        served.server.handle_exit(signal.SIGTERM, None)
        thread.join(PATIENCE_S)


def everything_from(peer: socket.socket) -> bytes:
    """What a peer hears until the server hangs up; fails when it does not."""
    heard = b""
    try:
        while chunk := peer.recv(65536):
            heard += chunk
    except ConnectionResetError:
        pass
    return heard


@pytest.mark.parametrize("say", [b"", GET], ids=["silent", "half a head"])
def test_connections_that_say_nothing_make_room(say: bytes) -> None:
    # Given a service that takes sixteen connections, with patience for more than this test has
    limits = HttpSettings(connections=16, connections_per_address=8, head_s=3600)
    with serving(limits) as served, ExitStack() as stack:
        # When eight hundred are opened that say nothing, or half of what they want
        peers = [stack.enter_context(served.connect(say)) for _ in range(800)]

        # Then a call is answered, no more are held than the bound, and the eldest were sent away
        assert served.get("/healthz").status_code == 200
        assert served.open_connections <= 8
        assert everything_from(peers[0]) == b""


def test_whoever_is_being_answered_is_not_sent_away() -> None:
    # Given an address whose connections are all at work
    with (
        serving(HttpSettings(connections=8, connections_per_address=4)) as served,
        ExitStack() as s,
    ):
        call = b"GET /work HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        peers = [s.enter_context(served.connect(call)) for _ in range(4)]
        for _ in peers:
            assert served.begun.acquire(timeout=PATIENCE_S)

        # When one more comes
        refused = everything_from(s.enter_context(served.connect()))

        # Then it is told so, and the four get their answers
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"too_many_connections" in refused
        served.release.set()
        assert all(b"200 OK" in everything_from(peer) for peer in peers)


def test_other_addresses_have_room_of_their_own() -> None:
    limits = HttpSettings(connections=64, connections_per_address=4, head_s=3600)
    with serving(limits) as served, ExitStack() as stack:
        one = [stack.enter_context(served.connect()) for _ in range(4)]
        for _ in range(20):
            other = socket.socket()
            other.bind(("127.0.0.2", 0))
            other.connect(("127.0.0.1", served.port))
            stack.enter_context(other)
            wait_until(lambda: served.open_connections <= 8, PATIENCE_S)

        # Then those of the first address still stand: a whole request is answered
        one[0].sendall(GET + b"Connection: close\r\n\r\n")
        assert b"200 OK" in everything_from(one[0])


def test_a_head_that_trickles_ends_with_408() -> None:
    with serving(HttpSettings(head_s=0.5)) as served, served.connect(GET) as peer:
        heard = trickle_until_closed(peer, b"X-A: b\r\n")

    assert heard.startswith(b"HTTP/1.1 408 ") or heard == b""
    assert b"request_timeout" in heard or heard == b""


def test_a_connection_that_never_speaks_is_closed() -> None:
    with serving(HttpSettings(head_s=0.5)) as served, served.connect() as peer:
        assert everything_from(peer) == b""
        wait_until(lambda: served.open_connections == 0)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 1000000\r\n\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["length", "chunked"],
)
def test_a_body_that_trickles_ends_with_408(head: bytes, piece: bytes) -> None:
    with serving(HttpSettings(body_s=0.5)) as served, served.connect(POST + head) as peer:
        heard = trickle_until_closed(peer, piece)

        assert heard.startswith(b"HTTP/1.1 408 ") or heard == b""
        assert served.gone.wait(PATIENCE_S), "the route still waits for the rest"


def test_a_body_that_nobody_reads_does_not_keep_the_connection() -> None:
    call = b"POST /unread HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    with serving(HttpSettings(head_s=0.5)) as served, served.connect(call) as peer:
        trickle_until_closed(peer, b"x")


def test_an_answer_that_nobody_takes_is_dropped() -> None:
    call = b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with serving(HttpSettings(send_s=0.5)) as served, served.connect(call):
        assert served.begun.acquire(timeout=PATIENCE_S)
        wait_until(lambda: served.open_connections == 0)


def test_a_long_call_is_waited_for() -> None:
    with serving(HttpSettings(head_s=3600, body_s=0.1, send_s=0.1)) as served:
        call = b"GET /work HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        with served.connect(call) as peer:
            assert served.begun.acquire(timeout=PATIENCE_S)
            time.sleep(1)
            served.release.set()
            assert b"done" in everything_from(peer)


def trickle_until_closed(peer: socket.socket, piece: bytes) -> bytes:
    """Sends a piece at a time, well within the patience of any clock that starts anew each time."""
    heard = b""
    peer.settimeout(0.05)
    for _ in range(int(PATIENCE_S / 0.05)):
        try:
            peer.sendall(piece)
            chunk = peer.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return heard
        if not chunk:
            return heard
        heard += chunk
    pytest.fail("the server still listens")
