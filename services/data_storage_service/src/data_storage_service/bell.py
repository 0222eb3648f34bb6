"""A word from whoever commits to SQLite's file to the one who waits for it, in another process too.

It goes as a datagram between sockets of Linux's abstract namespace, named after the file: nothing
of them lies on the disk. Whoever waits looks now and then without a word as well, so that one that
is lost costs time only.
"""

from __future__ import annotations

import hashlib
import logging
import select
import socket
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_DEAF_S = 0.15

_log = logging.getLogger(__name__)


def ring(path: Path) -> None:
    """Tells of a commit to `path`; never waits, and does not mind when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as word, suppress(OSError):
        word.setblocking(False)
        word.sendto(b"!", _address(path))


class Ear:
    """Listens for `ring`; a file has one who does."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._hears = True
        try:
            self._socket.bind(_address(path))
        except OSError as error:
            self._hears = False
            _log.warning("commits are looked for, nobody can tell of them: %s", error)

    def wait(self, limit_s: float) -> None:
        """Until it rings, for `limit_s` seconds at most; a short while where nothing is heard."""
        if not self._hears:
            time.sleep(min(limit_s, _DEAF_S))
            return
        if select.select([self._socket], [], [], limit_s)[0]:
            with suppress(BlockingIOError):
                while True:
                    self._socket.recv(1)

    def close(self) -> None:
        self._socket.close()


@lru_cache
def _address(path: Path) -> bytes:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return f"\0facepipe-ledger-{name}".encode()
