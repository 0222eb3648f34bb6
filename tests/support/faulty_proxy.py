"""A proxy that answers instead of a server, or cuts its connections, as a test wishes."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PIECE = 16 * 1024


@dataclass(frozen=True)
class Fault:
    """What goes wrong with every connection.

    Attributes:
        answer: what is sent instead of the server's answer; "" for the server's own.
        pause_s: before anything is passed on.
        cut_request: bytes of a request after which the connection ends.
        cut_answer: bytes of an answer after which it ends.
    """

    answer: str = ""
    pause_s: float = 0
    cut_request: int | None = None
    cut_answer: int | None = None


class FaultyProxy:
    """Listens on a port of its own; `fault` may change at any time."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._fault = Fault()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Meanwhile all goes wrong, also for connections that were open."""
        self._become(fault)
        try:
            yield
        finally:
            self._become(Fault())

    def close(self) -> None:
        self._listener.close()
        self._become(Fault())

    def _become(self, fault: Fault) -> None:
        self._fault = fault
        for connection in list(self._open):
            _end(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        fault = self._fault
        self._open.add(client)
        try:
            time.sleep(fault.pause_s)
            if fault.answer:
                _read_request(client)
                head = f"HTTP/1.1 {fault.answer.partition(chr(10))[0]}"
                body = fault.answer.partition("\n")[2].encode()
                end = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                client.sendall(head.encode() + b"\r\n" + end + body)
            else:
                self._pass_on(client, fault)
        except OSError:
            pass
        finally:
            self._open.discard(client)
            _end(client)

    def _pass_on(self, client: socket.socket, fault: Fault) -> None:
        with socket.create_connection(("127.0.0.1", self._target_port)) as server:
            self._open.add(server)
            back = threading.Thread(
                target=_copy, args=(server, client, fault.cut_answer), daemon=True
            )
            back.start()
            _copy(client, server, fault.cut_request)
            back.join()
            self._open.discard(server)


def _copy(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    """Passes on until one side ends, or `limit` bytes have passed."""
    passed = 0
    with suppress(OSError):
        while data := source.recv(_PIECE):
            if limit is not None and passed + len(data) >= limit:
                target.sendall(data[: limit - passed])
                break
            target.sendall(data)
            passed += len(data)
    _end(source)
    _end(target)


def _read_request(client: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(_PIECE)
        if not piece:
            return
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    left = int(found[1]) - len(body) if found else 0
    while left > 0 and (piece := client.recv(_PIECE)):
        left -= len(piece)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
