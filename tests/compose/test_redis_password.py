"""Redis inside the network of the stack: only who has the password gets in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.compose_stack import ComposeStack
from tools.stack_driver.api import upload_all

_PING = "import redis; redis.Redis('redis').ping()"


@pytest.fixture
def file(stack: ComposeStack) -> Path:
    return stack.volumes / "secrets" / "redis" / "redis-password"


def test_a_password_has_come_about_that_others_of_the_host_cannot_read(file: Path) -> None:
    assert len(file.read_text().strip()) >= 32
    assert file.stat().st_mode & 0o777 == 0o440
    assert file.stat().st_uid == 10001


def test_nobody_inside_the_network_gets_in_without_it(stack: ComposeStack) -> None:
    said = stack.compose("exec", "--no-TTY", "redis", "redis-cli", "ping")
    assert said.startswith("NOAUTH")

    with pytest.raises(AssertionError, match="AuthenticationError"):
        stack.compose("exec", "--no-TTY", "landmark_service", "python", "-c", _PING)


def test_each_container_sees_its_own_secrets_alone(stack: ComposeStack) -> None:
    secrets = {path.parent.name: path.read_text() for path in _secrets(stack, "redis-password")}
    for service in ("input_service", "landmark_service", "agegender_service", "plotter_service"):
        seen = stack.compose("exec", "--no-TTY", service, "sh", "-c", "cat /secrets/*").split()
        assert secrets[service].strip() in seen
        others = {text.strip() for name, text in secrets.items() if name != service}
        assert not others & set(seen)
        assert "secrets" not in stack.compose("exec", "--no-TTY", service, "ls", "/volumes")


def test_a_service_has_its_own_user_and_was_refused_nothing_that_it_needs(
    stack: ComposeStack, batch: list[bytes]
) -> None:
    # Given a stack that has analysed images
    stack.api.wait_all(upload_all(stack.api, [data + b"users" for data in batch[:3]]))

    # Then every service is in under its own name, and no wish of theirs was refused
    clients = _as_operator(stack, "CLIENT LIST")
    for service in ("input_service", "landmark_service", "data_storage_service"):
        assert f"user={service} " in clients
    log = _as_operator(stack, "ACL LOG 128")
    assert "command" not in log, log
    assert "key" not in log, log


def test_what_another_service_may_do_is_refused(stack: ComposeStack) -> None:
    program = (
        "from facepipe.queue.redis_connection import connect_redis\n"
        "from facepipe.system.settings import Settings\n"
        "connect_redis(Settings().redis).flushall()"
    )
    with pytest.raises(AssertionError, match="NoPermissionError"):
        stack.compose("exec", "--no-TTY", "landmark_service", "python", "-c", program)
    _as_operator(stack, "ACL LOG RESET")


def _as_operator(stack: ComposeStack, command: str) -> str:
    line = f"REDISCLI_AUTH=$(cat /secrets/redis-password) redis-cli {command}"
    return stack.compose("exec", "--no-TTY", "redis", "sh", "-c", line)


def _secrets(stack: ComposeStack, name: str) -> list[Path]:
    return sorted((stack.volumes / "secrets").glob(f"*/{name}"))


def test_neither_inspect_nor_a_process_list_nor_a_log_shows_a_secret(stack: ComposeStack) -> None:
    secrets = [*_secrets(stack, "redis-password"), *_secrets(stack, "access-token")]
    assert len(secrets) >= 14
    # Those that run: a token that a person sets is in the environment of `volumes`, which ended.
    containers = stack.compose("ps", "--quiet").split()

    shown = [stack.docker("inspect", *containers), stack.compose("logs", "--no-color")]
    for service in ("redis", "input_service", "landmark_service"):
        shown += [stack.docker("top", container) for container in stack.containers(service)]
    shown += [path.read_text() for path in (stack.volumes / "logs").glob("*.jsonl")]

    assert len(containers) >= 8
    leaks = [
        (path.parent.name, path.name, number)
        for path in secrets
        for number, text in enumerate(shown)
        if path.read_text().strip() in text
    ]
    assert leaks == []


def test_another_password_is_taken_over_without_starting_the_services_again(
    stack: ComposeStack, file: Path, batch: list[bytes]
) -> None:
    # Given services that run
    first = file.read_text()
    started = _started(stack)

    # When the password is replaced as docs/operations.md says
    for path in _secrets(stack, "redis-password"):
        path.unlink()
    stack.compose("run", "--rm", "volumes")
    stack.compose("restart", "redis")
    stack.wait_healthy("redis")

    # Then they work with the new one, and were not started again
    assert file.read_text() != first
    states = stack.api.wait_all(upload_all(stack.api, [data + b"rotated" for data in batch[:3]]))
    assert {state.status for state in states.values()} == {"stored"}
    assert _started(stack) == started


def _started(stack: ComposeStack) -> dict[str, str]:
    """When each service that uses Redis was started."""
    services = ("input_service", "landmark_service", "agegender_service", "data_storage_service")
    containers = [id_ for service in services for id_ in stack.containers(service)]
    inspected = json.loads(stack.docker("inspect", *containers))
    return {found["Id"]: found["State"]["StartedAt"] for found in inspected}
