"""A second host with workers of its own: another compose project, which shares no folder."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from facepipe.queue.redis_acl import WORKER
from facepipe.system.tls import trusting
from facepipe_client import Client
from tests.support.compose_stack import ComposeStack
from tests.support.redis_server import free_port
from tests.support.waiting import wait_until
from tools.stack.certificates import make_certificates
from tools.stack_driver.api import upload_all

WORKER_FILE = "docker-compose.worker.yml"
OPEN = ("docker-compose.yml", "docker-compose.hosts.yml")
STAGES = ("landmark_service", "agegender_service")
SERVICES = (*STAGES, "logger_service", "plotter_service", "data_storage_service", "input_service")
FIRST = "first.example"
KEY = "a-key-of-this-test"
OF_FIRST = f"""
FACEPIPE_BIND=0.0.0.0
FACEPIPE_ACCESS_ALLOWED_HOSTS={FIRST}
FACEPIPE_ACCESS_KEYS=test:read,write:{hashlib.sha256(KEY.encode()).hexdigest()}
FACEPIPE_VIEWER_KEY=the-key-of-the-viewer
FACEPIPE_VIEWER_PASSWORD=the-password-of-the-viewer
"""


@dataclass(frozen=True)
class Opened:
    """The stack while other machines may join it."""

    stack: ComposeStack
    api: Client
    ports: dict[str, int]


@pytest.fixture(scope="module")
def first(stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The first host as docs/operations.md opens it: certificates, a key, and the second file."""
    folder = tmp_path_factory.mktemp("authority")
    make_certificates(folder, stack.volumes / "secrets", [FIRST])
    ports = {name: free_port() for name in ("REDIS", "STORE_GRPC", "OTLP")}
    given = "".join(f"FACEPIPE_PORT_{name}={port}\n" for name, port in ports.items())
    env = stack.folder / ".env"
    env.write_text(OF_FIRST + given)
    opened = replace(stack, files=OPEN)
    transport = httpx.HTTPTransport(verify=trusting(folder / "ca.crt"))
    api = Client(
        f"https://127.0.0.1:{stack.input_port}", key=KEY, timeout_s=60, transport=transport
    )
    try:
        opened.compose("up", "--detach", "--wait")
        yield Opened(opened, api, ports)
    finally:
        api.close()
        print(opened.compose("logs", "--tail", "10", "--no-color", check=False)[-8000:])
        env.unlink()
        stack.compose("up", "--detach", "--wait")


@pytest.fixture
def worker(first: Opened, tmp_path: Path) -> Iterator[ComposeStack]:
    """The worker host; of the first one it has the addresses and the folder of its secrets."""
    stack, ports = first.stack, first.ports
    shutil.copy2(stack.folder / WORKER_FILE, tmp_path)
    shutil.copytree(stack.volumes / "secrets" / WORKER, tmp_path / "secrets")
    (tmp_path / ".env").write_text(
        f"FACEPIPE_REDIS_URL=rediss://worker@{FIRST}:{ports['REDIS']}/0\n"
        f"FACEPIPE_ADDRESS_STORE_GRPC={FIRST}:{ports['STORE_GRPC']}\n"
        f"FACEPIPE_ADDRESS_INPUT=https://{FIRST}:{stack.input_port}\n"
        f"FACEPIPE_ADDRESS_OTLP={FIRST}:{ports['OTLP']}\n"
    )
    # Stands for the name server of the two hosts.
    lines = [f'  {stage}: {{extra_hosts: ["{FIRST}:host-gateway"]}}' for stage in STAGES]
    (tmp_path / "names.yml").write_text("\n".join(["services:", *lines, ""]))
    files = (WORKER_FILE, "names.yml")
    host = ComposeStack(tmp_path, f"{stack.project}-worker", 0, 0, files)
    try:
        host.compose("up", "--detach", "--wait", timeout_s=300)
        yield host
    finally:
        print(host.compose("logs", "--tail", "40", "--no-color", check=False)[-8000:])
        host.compose("down", "--timeout", "5", check=False)


def test_photographs_are_analysed_on_a_worker_host_where_the_first_has_no_stages(
    first: Opened, worker: ComposeStack, portraits: list[Path]
) -> None:
    # Given a stack whose own stages are stopped
    first.stack.compose("stop", *STAGES)
    try:
        # When photographs come, of which one could not be cached
        (cached,) = upload_all(first.api, [portraits[0].read_bytes() + b"on another host"])
        done = [first.api.wait(cached)]
        first.stack.compose("pause", "redis")
        (uncached,) = upload_all(first.api, [portraits[1].read_bytes() + b"without the cache"])
        first.stack.compose("unpause", "redis")
        first.stack.wait_healthy("redis")  # a check that the pause caught has failed
        done.append(first.api.wait(uncached))
    finally:
        first.stack.compose("start", *STAGES)

    # Then the worker host has analysed them, one from Redis and the other from input_service
    assert [state.status for state in done] == ["stored", "stored"]
    names = [
        worker.docker("inspect", "--format", "{{.Config.Hostname}}", container).strip()
        for stage in STAGES
        for container in worker.containers(stage)
    ]
    runs = [run for state in done for run in state.timeline if run.stage != "storage"]
    assert len(runs) == 4
    assert all(any(name in run.worker for name in names) for run in runs), (runs, names)
    # And its lines are in the log of the first one
    logs = "".join(path.read_text() for path in (first.stack.volumes / "logs").glob("logs-*"))
    assert all(name in logs for name in names)


def test_the_first_host_has_no_ear_for_plain_calls(first: Opened) -> None:
    with Redis(port=first.ports["REDIS"], socket_timeout=5) as redis, pytest.raises(RedisError):
        redis.ping()
    for port in (first.ports["STORE_GRPC"], first.ports["OTLP"]):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ready = grpc.channel_ready_future(channel)
            with pytest.raises(grpc.FutureTimeoutError):
                ready.result(timeout=3)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{first.stack.input_port}/healthz", trust_env=False)


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
