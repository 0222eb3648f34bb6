"""What cannot do its work is not healthy, says why, and is healthy again when it can."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepipe.files.models import read_model
from tests.support.compose_stack import ComposeStack
from tests.support.waiting import wait_until
from tools.paths import MODELS
from tools.stack_driver.api import upload_all

STAGES = ("landmark_service", "agegender_service", "data_storage_service", "plotter_service")


def test_a_stage_whose_model_is_broken_is_not_healthy(
    stack: ComposeStack, portraits: list[Path]
) -> None:
    # Given a stage that is well: one that just starts has two minutes until it counts as ill
    stack.wait_healthy("landmark_service")
    # And a user's model that is none, when the worker has to load it
    model = stack.volumes / "models" / "model.onnx"
    model.write_bytes(b"no model")
    try:
        _kill_workers(stack, "landmark_service")

        # Then its container says so, and so does what the page asks
        assert "/volumes/models/model.onnx" in stack.wait_unhealthy("landmark_service")
        problems = stack.api.stats().problems
        assert set(problems) == {"landmark_service"}
        assert "/volumes/models/model.onnx" in problems["landmark_service"]

        # And an image waits, and is lost to nobody
        (image_id,) = upload_all(stack.api, [portraits[2].read_bytes()])
    finally:
        model.unlink()
    stack.wait_healthy("landmark_service")
    assert stack.api.wait(image_id).status == "stored"

    # And the models in use are named
    wait_until(lambda: stack.api.stats().problems == {})
    stats = stack.api.stats()
    result = stack.api.result(image_id)
    assert {part: [model] for part, model in result.models} == stats.models
    own = read_model(MODELS / "face_detector" / "face_detector.onnx").info
    assert result.models.detector is not None
    assert result.models.detector.to_json() == own.model_dump()
    assert result.faces[0].agegender.age is not None


def test_what_cannot_write_its_volume_is_not_healthy(stack: ComposeStack) -> None:
    needs = {
        "inbox": ("input_service", "data_storage_service"),
        "saved_data": ("data_storage_service",),
        "saved_data/plots": ("plotter_service",),
        "logs": ("logger_service",),
    }
    with _unwritable([stack.volumes / name for name in needs]):
        for name, services in needs.items():
            for service in services:
                assert f"/volumes/{name} cannot be written" in stack.wait_unhealthy(service)
    for service in {service for services in needs.values() for service in services}:
        stack.wait_healthy(service)


def test_what_has_no_redis_is_not_healthy_and_takes_photographs_all_the_same(
    stack: ComposeStack, portraits: list[Path]
) -> None:
    stack.compose("stop", "redis")
    try:
        for service in (*STAGES, "input_service"):
            assert "redis: " in stack.wait_unhealthy(service)
        # The engine here has no name server behind it: a name that is gone is asked for in vain.
        assert set(stack.api.stats().problems) == {"redis"}
        (image_id,) = upload_all(stack.api, [portraits[3].read_bytes()])
    finally:
        stack.compose("start", "redis")
    for service in (*STAGES, "input_service"):
        stack.wait_healthy(service)
    assert stack.api.wait(image_id).status == "stored"


def _kill_workers(stack: ComposeStack, service: str) -> None:
    for container in stack.containers(service):
        for pid, command in stack.processes(container):
            if "facepipe.stage.worker" in command:
                os.kill(pid, signal.SIGKILL)


@contextmanager
def _unwritable(folders: list[Path]) -> Iterator[None]:
    modes = {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(0o550)
    try:
        yield
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
