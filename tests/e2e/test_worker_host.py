"""`make worker`: the stages alone, for a stack that runs elsewhere; between the two, TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from facepipe.make_secrets import ACCESS_TOKEN, REDIS_PASSWORD
from facepipe.queue.redis_acl import WATCHER, WORKER
from facepipe.system.tls import trusting
from facepipe_client import Client
from tests.support.halting import halted
from tests.support.missing import missing
from tools.stack.certificates import CA, CERT, KEY, make_certificates
from tools.stack_driver.api import upload_all
from tools.stack_driver.local_stack import LocalStack

STAGES = ("landmark_service", "agegender_service")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack with certificates, which listens on loopback."""
    if not Path("/usr/bin/redis-server").exists():
        missing("the redis-server of the system, which knows TLS")
    stack = LocalStack.prepare(tmp_path / "first")
    make_certificates(tmp_path / "authority", stack.vault.folder, ["first.example"])
    files = {"CA": CA, "CERT": CERT, "KEY": KEY}
    for name, file in files.items():
        stack.environment[f"FACEPIPE_TLS_{name}"] = str(stack.vault.path(WATCHER, file))
    try:
        stack.verb("start")
        yield stack
    finally:
        stack.verb("stop", check=False)


def _joined(first: LocalStack, folder: Path) -> LocalStack:
    """A worker host with ports and folders of its own."""
    host = LocalStack.prepare(folder)
    host.environment.update(
        FACEPIPE_REDIS_URL=f"rediss://worker@127.0.0.1:{first.port('REDIS')}/0",
        FACEPIPE_REDIS_PASSWORD_FILE=str(first.vault.path(WORKER, REDIS_PASSWORD)),
        FACEPIPE_ADDRESS_STORE_GRPC=f"127.0.0.1:{first.port('STORE_GRPC')}",
        FACEPIPE_ADDRESS_INPUT=f"https://127.0.0.1:{first.port('INPUT')}",
        FACEPIPE_ADDRESS_OTLP=f"127.0.0.1:{first.port('OTLP')}",
        FACEPIPE_ACCESS_TOKEN_FILE=str(first.vault.path(WORKER, ACCESS_TOKEN)),
        FACEPIPE_TLS_CA=str(first.vault.path(WORKER, CA)),
        FACEPIPE_STAGE_WORKERS="1",
    )
    return host


def test_images_are_analysed_by_a_worker_host_alone(
    first: LocalStack, portraits: list[Path], tmp_path: Path
) -> None:
    trust = trusting(first.vault.path(WATCHER, CA))
    transport = httpx.HTTPTransport(verify=trust)
    address = f"https://127.0.0.1:{first.port('INPUT')}"
    host = _joined(first, tmp_path / "second")
    with ExitStack() as opened:
        opened.callback(host.verb, "stop")
        started = host.verb("worker")

        # Given the stages and nothing else on the second host
        assert host.open_ports() == ["LANDMARK", "AGEGENDER"]
        assert "Redis" not in started.stdout
        status = host.verb("status").stdout
        assert all(stage in status for stage in STAGES)
        assert "gradio_viewer" not in status

        # When the first host's own stages do nothing
        api = opened.enter_context(Client(address, timeout_s=60, transport=transport))
        with halted(first, STAGES):
            images = [path.read_bytes() + b"joined" for path in portraits[:3]]
            states = api.wait_all(upload_all(api, images))

        # Then what was sent to the first host is analysed by the second
        assert {state.status for state in states.values()} == {"stored"}
        assert api.file(next(iter(states)), "source"), "read back over https"
    assert host.processes() == []
