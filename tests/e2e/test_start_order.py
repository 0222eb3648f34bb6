"""Whatever order its services start and stop in, the stack comes up, works, and is gone."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from configparser import RawConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import pytest
from supervisor.xmlrpc import SupervisorTransport

from tools.stack.services import SERVICES
from tools.stack_driver.api import upload_all
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import resized

PORTS = {"redis": "REDIS"} | {
    service.name: service.ports[0].upper() for service in SERVICES if not service.asked_by
}
USUAL = list(PORTS)
LATE = ["data_storage_service", "redis"]
_PATIENCE_S = 90.0


class Programs:
    """The programs of a stack, one by one, through its own supervisord."""

    def __init__(self, stack: LocalStack, supervisor: Any) -> None:
        self._stack = stack
        self._supervisor = supervisor
        rows = self._supervisor.getAllProcessInfo()
        self._names = {row["name"]: f"{row['group']}:{row['name']}" for row in rows}

    @classmethod
    @contextmanager
    def of(cls, stack: LocalStack) -> Iterator[Programs]:
        config = RawConfigParser()
        config.read(stack.run_folder / "supervisord.conf")
        socket = f"unix://{config['unix_http_server']['file']}"
        transport = SupervisorTransport(None, None, socket)
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            yield cls(stack, proxy.supervisor)

    def start(self, name: str) -> None:
        """Starts a program and waits until it listens."""
        self._supervisor.startProcess(self._names[name], False)
        deadline = time.monotonic() + _PATIENCE_S
        while PORTS[name] not in self._stack.open_ports():
            assert time.monotonic() < deadline, f"{name} does not listen"
            time.sleep(0.1)

    def stop(self, name: str) -> int:
        """Stops a program; its exit code, -1 when a signal ended it."""
        self._supervisor.stopProcess(self._names[name], True)
        return int(self._supervisor.getProcessInfo(self._names[name])["exitstatus"])


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that may be taken apart."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("orders"))
    try:
        stack.verb("start")
        yield stack
    finally:
        stack.verb("stop", check=False)


def _shuffled(seed: int) -> list[str]:
    return random.Random(seed).sample(USUAL, len(USUAL))


@pytest.mark.parametrize(
    ("number", "stop_order", "start_order"),
    [
        pytest.param(0, USUAL, USUAL[::-1], id="Redis stops first and starts last"),
        pytest.param(
            1,
            [*LATE, *(name for name in USUAL if name not in LATE)],
            [*(name for name in USUAL if name not in LATE), *LATE],
            id="storage and Redis stop first and start last",
        ),
        pytest.param(2, _shuffled(1), _shuffled(2), id="at random"),
    ],
)
def test_services_stop_and_start_in_any_order(
    own_stack: LocalStack,
    portraits: list[Path],
    number: int,
    stop_order: Sequence[str],
    start_order: Sequence[str],
) -> None:
    # Given a stack that works
    own_stack.wait_ready(_PATIENCE_S)
    with Programs.of(own_stack) as programs:
        # When its services are stopped one by one
        exit_codes = {name: programs.stop(name) for name in stop_order}

        # Then each ends by itself, and leaves no process and no port
        assert exit_codes == dict.fromkeys(stop_order, 0)
        assert [process.name() for process in own_stack.processes()] == ["supervisord"]
        assert own_stack.open_ports() == []

        # When they start one by one, and a photograph comes as soon as the API listens
        sent: list[str] = []
        for name in start_order:
            programs.start(name)
            if name == "input_service":
                sent = upload_all(own_stack.api, [resized(portraits[number], 700)])

    # Then it is analysed, and nothing is amiss
    [state] = own_stack.api.wait_all(sent).values()
    assert (state.status, state.num_faces) == ("stored", 1)
    own_stack.wait_ready(_PATIENCE_S)


def test_a_stack_that_was_taken_apart_stops_like_any_other(own_stack: LocalStack) -> None:
    # Given a stack of which some services are stopped already
    with Programs.of(own_stack) as programs:
        for name in _shuffled(3)[:4]:
            programs.stop(name)

    own_stack.verb("stop")

    assert own_stack.processes() == []
    assert own_stack.open_ports() == []
