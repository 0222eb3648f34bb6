"""Redis inside the network of the stack: only who has the password gets in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.compose_stack import ComposeStack

_PING = "import redis; redis.Redis('redis').ping()"


@pytest.fixture
def file(stack: ComposeStack) -> Path:
    return stack.volumes / "secrets" / "redis-password"


def test_a_password_has_come_about_that_others_of_the_host_cannot_read(file: Path) -> None:
    assert len(file.read_text().strip()) >= 32
    assert file.stat().st_mode & 0o777 == 0o440
    assert file.stat().st_uid == 10001


def test_nobody_inside_the_network_gets_in_without_it(stack: ComposeStack) -> None:
    said = stack.compose("exec", "--no-TTY", "redis", "redis-cli", "ping")
    assert said.startswith("NOAUTH")

    with pytest.raises(AssertionError, match="AuthenticationError"):
        stack.compose("exec", "--no-TTY", "landmark_service", "python", "-c", _PING)


def test_neither_inspect_nor_a_process_list_nor_a_log_shows_it(
    stack: ComposeStack, file: Path
) -> None:
    password = file.read_text().strip()
    containers = stack.compose("ps", "--all", "--quiet").split()

    shown = [stack.docker("inspect", *containers), stack.compose("logs", "--no-color")]
    for service in ("redis", "input_service", "landmark_service"):
        shown += [stack.docker("top", container) for container in stack.containers(service)]
    shown += [path.read_text() for path in (stack.volumes / "logs").glob("*.jsonl")]

    assert len(containers) >= 8
    assert not any(password in text for text in shown)


def test_another_password_is_taken_over_without_starting_the_services_again(
    stack: ComposeStack, file: Path, batch: list[bytes]
) -> None:
    # Given services that run
    first = file.read_text()
    started = _started(stack)

    # When the password is replaced as docs/operations.md says
    file.unlink()
    stack.compose("run", "--rm", "volumes")
    stack.compose("restart", "redis")
    stack.wait_healthy("redis")

    # Then they work with the new one, and were not started again
    assert file.read_text() != first
    states = stack.api.wait_final(stack.api.upload([data + b"rotated" for data in batch[:3]]))
    assert {state["status"] for state in states.values()} == {"stored"}
    assert _started(stack) == started


def _started(stack: ComposeStack) -> dict[str, str]:
    """When each service that uses Redis was started."""
    services = ("input_service", "landmark_service", "agegender_service", "data_storage_service")
    containers = [id_ for service in services for id_ in stack.containers(service)]
    inspected = json.loads(stack.docker("inspect", *containers))
    return {found["Id"]: found["State"]["StartedAt"] for found in inspected}
