"""A second host with workers of its own: another compose project, which shares no folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from facepipe.queue.redis_acl import WORKER
from tests.support.compose_stack import ComposeStack
from tests.support.waiting import wait_until
from tools.stack_driver.api import upload_all

FILE = "docker-compose.worker.yml"
STAGES = ("landmark_service", "agegender_service")
SERVICES = (*STAGES, "logger_service", "plotter_service", "data_storage_service", "input_service")
ADDRESSES = """
FACEPIPE_REDIS_URL=redis://worker@redis:6379/0
FACEPIPE_ADDRESS_STORE_GRPC=data_storage_service:50051
FACEPIPE_ADDRESS_INPUT=http://input_service:8000
FACEPIPE_ADDRESS_OTLP=logger_service:4317
"""


@pytest.fixture
def worker(stack: ComposeStack, tmp_path: Path) -> Iterator[ComposeStack]:
    """The worker host; what it knows of the stack is copied: addresses, token and password."""
    shutil.copy2(stack.folder / FILE, tmp_path)
    shutil.copytree(stack.volumes / "secrets" / WORKER, tmp_path / "secrets")
    (tmp_path / ".env").write_text(ADDRESSES)
    # Both projects are on one engine; this network stands for the cable between them.
    (tmp_path / "cable.yml").write_text(
        f"networks: {{default: {{name: {stack.project}_internal, external: true}}}}\n"
    )
    host = ComposeStack(tmp_path, f"{stack.project}-worker", 0, 0, (FILE, "cable.yml"))
    try:
        host.compose("up", "--detach", "--wait", timeout_s=300)
        yield host
    finally:
        print(host.compose("logs", "--tail", "40", "--no-color", check=False)[-8000:])
        host.compose("down", "--timeout", "5", check=False)


def test_a_photograph_is_analysed_on_a_worker_host_where_the_first_has_no_stages(
    stack: ComposeStack, worker: ComposeStack, portraits: list[Path]
) -> None:
    # Given a stack whose own stages are stopped
    stack.compose("stop", *STAGES)
    try:
        # When photographs come, of which one is no longer cached
        (first,) = upload_all(stack.api, [portraits[0].read_bytes() + b"on another host"])
        state = stack.api.wait(first)
        stack.compose("pause", "redis")
        (second,) = upload_all(stack.api, [portraits[1].read_bytes() + b"without the cache"])
        stack.compose("unpause", "redis")
        uncached = stack.api.wait(second)
    finally:
        stack.compose("start", *STAGES)
        for stage in STAGES:
            stack.wait_healthy(stage)

    # Then the worker host has analysed them, the one from Redis and the other from input_service
    assert (state.status, uncached.status) == ("stored", "stored")
    names = [
        worker.docker("inspect", "--format", "{{.Config.Hostname}}", c).strip()
        for stage in STAGES
        for c in worker.containers(stage)
    ]
    for done in (state, uncached):
        found = [run.worker for run in done.timeline if run.stage in ("landmark", "agegender")]
        assert len(found) == 2
        assert all(any(name in worker for name in names) for worker in found), (found, names)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_starts_without_any_mounted_folder(stack: ComposeStack, service: str) -> None:
    token = "FACEPIPE_ACCESS_TOKEN=a-token-of-this-test"
    container = stack.docker("run", "--detach", "--env", token, f"facepipe/{service}").strip()
    url = "'http://127.0.0.1:%s/healthz' % os.environ['SERVICE_PORT']"
    ask = f"import os, urllib.request; urllib.request.urlopen({url})"

    def is_alive() -> bool:
        with contextlib.suppress(AssertionError):
            stack.docker("exec", container, "python", "-c", ask)
            return True
        return False

    try:
        wait_until(is_alive, timeout_s=90)
    finally:
        print(stack.docker("logs", container))
        stack.docker("rm", "--force", container)
