"""The pause is the ledger's: who asks for it, or sets it, waits for no Redis that is mute."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from redis import Redis
from redis.exceptions import RedisError

from data_storage_service.pausing import Pause
from services.data_storage_service.tests.rig import Rig

HANGS_S = 20


@pytest.fixture
def mute_redis() -> Iterator[Redis]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Redis(port=server.getsockname()[1], socket_timeout=HANGS_S)


def test_a_redis_that_does_not_answer_holds_up_nobody_who_asks_for_the_pause(
    rig: Rig, mute_redis: Redis
) -> None:
    # Given one who tells Redis, which hangs
    pause = Pause(rig.ledger.engine, mute_redis)
    teller = threading.Thread(target=_tell, args=[pause], daemon=True)
    teller.start()
    time.sleep(0.2)
    assert teller.is_alive()

    # When others ask, pause and put a job on a queue meanwhile
    begun = time.monotonic()
    assert pause.since is None
    pause.tell_before_work()
    since = pause.set(paused=True)

    # Then they have their answers long before Redis gives up
    assert time.monotonic() - begun < HANGS_S / 4
    assert since is not None
    assert pause.since == since
    assert teller.is_alive()


def _tell(pause: Pause) -> None:
    with suppress(RedisError):
        pause.tell()
