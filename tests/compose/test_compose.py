"""`docker compose up` as people use it: what works, what dies, and what comes back."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from pathlib import Path

from PIL import Image

from tests.support.compose_stack import ComposeStack
from tools.stack_driver.api import upload_all

MIB = 2**20


def test_only_the_input_api_and_the_viewer_are_published_and_only_to_this_host(
    stack: ComposeStack,
) -> None:
    ports = [
        (container["Service"], publisher["URL"], publisher["PublishedPort"])
        for line in stack.compose("ps", "--format", "json").splitlines()
        for container in [json.loads(line)]
        for publisher in container["Publishers"] or []
        if publisher["PublishedPort"]
    ]

    assert sorted(ports) == [
        ("gradio_viewer", "127.0.0.1", stack.viewer_port),
        ("input_service", "127.0.0.1", stack.input_port),
    ]


def test_a_stage_scaled_to_two_works_on_two(stack: ComposeStack, batch: list[bytes]) -> None:
    stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "landmark_service=2")
    try:
        states = stack.api.wait_all(upload_all(stack.api, batch))
        hosts = {
            run.worker.split("-")[2]
            for state in states.values()
            for run in state.timeline
            if run.stage == "landmark"
        }
    finally:
        stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "landmark_service=1")

    assert {state.status for state in states.values()} == {"stored"}
    assert len(hosts) == 2, hosts


def test_a_stage_killed_in_the_middle_of_a_batch_loses_nothing(
    stack: ComposeStack, batch: list[bytes]
) -> None:
    for service in ("landmark_service", "agegender_service", "data_storage_service"):
        ids = upload_all(stack.api, _fresh(batch, service))
        (container,) = stack.containers(service)
        os.kill(stack.main_pid(container), signal.SIGKILL)

        states = stack.api.wait_all(ids)

        assert {state.status for state in states.values()} == {"stored"}, service
        assert all((stack.volumes / "saved_data" / f"{id_}.json").exists() for id_ in ids)
        stack.wait_healthy(service)


def test_redis_restarted_in_the_middle_of_a_batch_loses_nothing(
    stack: ComposeStack, batch: list[bytes]
) -> None:
    ids = upload_all(stack.api, _fresh(batch, "redis"))
    stack.compose("restart", "redis")

    states = stack.api.wait_all(ids)

    assert {state.status for state in states.values()} == {"stored"}


def test_a_stack_stopped_with_images_in_the_queue_finishes_them_after_its_start(
    stack: ComposeStack, batch: list[bytes]
) -> None:
    ids = upload_all(stack.api, _fresh(batch, "stop"))
    stack.compose("stop")
    stack.compose("up", "--detach", "--wait")

    states = stack.api.wait_all(ids)

    assert {state.status for state in states.values()} == {"stored"}
    assert not [path for path in (stack.volumes / "inbox").iterdir() if path.name[0] != "."]


def test_a_worker_beyond_its_memory_limit_is_restarted_and_its_image_says_so(
    stack: ComposeStack, portraits: list[Path]
) -> None:
    # Given a stage with little more memory than it uses at rest
    (container,) = stack.containers("landmark_service")
    usage = _memory_usage(stack, container)
    limit = str(usage + 60 * MIB)
    stack.docker("update", "--memory", limit, "--memory-swap", limit, container)
    try:
        # When an image comes that does not fit
        (image_id,) = upload_all(stack.api, [_huge_image()])
        state = stack.api.wait(image_id, timeout_s=180)

        # Then it has failed with the reason, and the stage goes on with the next one
        assert state.status == "failed"
        assert state.error is not None
        assert state.error.code == "out_of_memory", state.error
    finally:
        stack.docker("update", "--memory", "2g", "--memory-swap", "2g", container)
    stack.wait_healthy("landmark_service")
    (next_id,) = upload_all(stack.api, _fresh([portraits[1].read_bytes()], "after"))
    assert stack.api.wait(next_id).status == "stored"

    # And, now that there is room, the one that failed as well, when that is asked for
    stack.api.retry(image_id)
    assert stack.api.wait(image_id).status == "stored"


def test_a_container_beyond_its_memory_limit_is_restarted_and_its_images_finish(
    stack: ComposeStack, batch: list[bytes]
) -> None:
    # Given images in the queue of a stage
    ids = upload_all(stack.api, _fresh(batch, "container"))
    (container,) = stack.containers("landmark_service")

    # When its main process is the one that the kernel kills for memory
    first = stack.main_pid(container)
    for pid, command in stack.processes(container):
        score = "-500" if "worker" in command else "1000"
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(score)
    limit = str(_memory_usage(stack, container) + 16 * MIB)
    stack.docker("update", "--memory", limit, "--memory-swap", limit, container)
    with contextlib.suppress(AssertionError):  # it dies with the container
        stack.docker("exec", container, "python", "-c", "bytearray(400 << 20)")
    deadline = time.monotonic() + 60
    while stack.main_pid(container) == first and time.monotonic() < deadline:
        time.sleep(0.2)
    stack.docker("update", "--memory", "2g", "--memory-swap", "2g", container)

    # Then the engine starts it again and every image comes to its end
    assert stack.main_pid(container) != first
    states = stack.api.wait_all(ids)
    assert {state.status for state in states.values()} == {"stored"}


def test_the_gpu_overlay_is_valid(stack: ComposeStack) -> None:
    files = ("--file", "docker-compose.yml", "--file", "docker-compose.gpu.yml")
    config = json.loads(stack.compose(*files, "config", "--format", "json"))

    for name in ("landmark_service", "agegender_service"):
        devices = config["services"][name]["deploy"]["resources"]["reservations"]["devices"]
        assert devices[0]["driver"] == "nvidia"


def _fresh(batch: list[bytes], salt: str) -> list[bytes]:
    """The same pictures as other files: bytes after the end of a JPEG change its hash alone."""
    return [data + salt.encode() for data in batch]


def _huge_image() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (7800, 7800), "gray").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _memory_usage(stack: ComposeStack, container: str) -> int:
    for path in ("memory/memory.usage_in_bytes", "memory.current"):
        with contextlib.suppress(AssertionError):
            return int(stack.docker("exec", container, "cat", f"/sys/fs/cgroup/{path}"))
    raise AssertionError("the memory use of the container cannot be read")
