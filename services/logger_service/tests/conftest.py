"""What several tests of logger_service start from."""

from __future__ import annotations

import socket

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    return _free_port()


@pytest.fixture
def another_free_port(free_port: int) -> int:
    port = _free_port()
    return port if port != free_port else _free_port()
