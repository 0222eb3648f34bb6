from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.stack.configuration import MARK, Stack, load_stack
from local.stack.services import SERVICES
from local.stack.supervisor_config import render, socket_path

Load = Callable[[str], Stack]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Loads the stack from the text of a `.env`, with nothing set outside it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
    monkeypatch.setattr(os, "environ", clean)

    def load(env_file: str) -> Stack:
        (tmp_path / "env").write_text(env_file)
        clean["FACEPIPE_ENV_FILE"] = str(tmp_path / "env")
        clean["FACEPIPE_RUN_FOLDER"] = str(tmp_path / "run")
        return load_stack()

    return load


def test_neighbours_are_found_where_the_ports_say(load: Load) -> None:
    stack = load("FACEPIPE_PORT_STORAGE=9003\nFACEPIPE_PORT_OTLP=9317\nFACEPIPE_PORT_REDIS=9379\n")

    assert stack.environment["FACEPIPE_ADDRESS_STORAGE"] == "http://127.0.0.1:9003"
    assert stack.environment["FACEPIPE_ADDRESS_OTLP"] == "127.0.0.1:9317"
    assert stack.environment["FACEPIPE_REDIS_URL"] == "redis://127.0.0.1:9379/0"
    assert stack.starts_redis


def test_an_address_of_the_users_own_stays(load: Load) -> None:
    stack = load("FACEPIPE_ADDRESS_OTLP=collector:4317\nFACEPIPE_REDIS_URL=redis://other:6379/1\n")

    assert stack.environment["FACEPIPE_ADDRESS_OTLP"] == "collector:4317"
    assert stack.redis_url == "redis://other:6379/1"
    assert not stack.starts_redis


def test_public_services_listen_where_bind_says_and_are_reached_from_here(load: Load) -> None:
    stack = load("FACEPIPE_BIND=0.0.0.0\n")
    config = render(stack, [])

    for service in SERVICES:
        section = config.partition(f"[program:{service.name}]")[2].partition("[program:")[0]
        host = "0.0.0.0" if service.public else "127.0.0.1"  # noqa: S104 - compared with
        assert f'FACEPIPE_HOST="{host}"' in section
        assert stack.address(service).startswith("http://127.0.0.1:")


def test_every_process_carries_the_mark(load: Load) -> None:
    stack = load("")

    assert stack.environment[MARK] == str(stack.run)


def test_the_socket_moves_where_its_path_would_be_too_long(load: Load, tmp_path: Path) -> None:
    stack = load("")
    near = Stack(stack.settings, Path("/short"), {}, starts_redis=True)
    far = Stack(stack.settings, tmp_path / ("x" * 120), {}, starts_redis=True)

    assert socket_path(near) == Path("/short/supervisor.sock")
    assert len(str(socket_path(far))) < 100


def test_what_configparser_reads_differently_is_escaped(load: Load) -> None:
    stack = load("")
    odd = Stack(stack.settings, Path("/run%20folder"), stack.environment, starts_redis=True)

    assert "pidfile=/run%%20folder/supervisord.pid" in render(odd, ["redis-server"])
