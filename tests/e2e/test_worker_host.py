"""`make worker`: the stages alone, for a stack that runs elsewhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepipe.make_secrets import ACCESS_TOKEN, REDIS_PASSWORD
from facepipe.queue.redis_acl import WORKER
from tools.stack_driver.api import upload_all
from tools.stack_driver.local_stack import LocalStack

STAGES = ("landmark_service", "agegender_service")


def _joined(first: LocalStack, folder: Path) -> LocalStack:
    """A worker host with ports and folders of its own."""
    host = LocalStack.prepare(folder)
    host.environment.update(
        FACEPIPE_REDIS_URL=f"redis://worker@127.0.0.1:{first.port('REDIS')}/0",
        FACEPIPE_REDIS_PASSWORD_FILE=str(first.vault.path(WORKER, REDIS_PASSWORD)),
        FACEPIPE_ADDRESS_STORE_GRPC=f"127.0.0.1:{first.port('STORE_GRPC')}",
        FACEPIPE_ADDRESS_INPUT=f"http://127.0.0.1:{first.port('INPUT')}",
        FACEPIPE_ADDRESS_OTLP=f"127.0.0.1:{first.port('OTLP')}",
        FACEPIPE_ACCESS_TOKEN_FILE=str(first.vault.path(WORKER, ACCESS_TOKEN)),
        FACEPIPE_STAGE_WORKERS="1",
    )
    return host


@contextmanager
def _halted(stack: LocalStack) -> Iterator[None]:
    """The stages of a stack do nothing meanwhile."""
    mains = [stack.main_process(stage) for stage in STAGES]
    processes = [one for main in mains for one in (main, *main.children(recursive=True))]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


def test_images_are_analysed_by_a_worker_host_alone(
    native_stack: LocalStack, portraits: list[Path], tmp_path: Path
) -> None:
    host = _joined(native_stack, tmp_path)
    started = host.verb("worker")
    try:
        # Given the stages and nothing else on the second host
        assert host.open_ports() == ["LANDMARK", "AGEGENDER"]
        assert "Redis" not in started.stdout
        status = host.verb("status").stdout
        assert all(stage in status for stage in STAGES)
        assert "gradio_viewer" not in status

        # When the first host's own stages do nothing
        with _halted(native_stack):
            images = [path.read_bytes() + b"joined" for path in portraits[:3]]
            states = native_stack.api.wait_all(upload_all(native_stack.api, images))

        # Then what was sent to the first host is analysed by the second
        assert {state.status for state in states.values()} == {"stored"}
    finally:
        host.verb("stop")
    assert host.processes() == []
    native_stack.wait_ready()
