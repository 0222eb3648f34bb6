"""What is lost when something is killed in the middle of a batch: nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from facepipe.queue.redis_connection import connect_redis
from tools.stack_driver.api import upload_all
from tools.stack_driver.local_stack import LocalStack, kill, stats
from tools.stack_driver.photos import batch_of

BATCH = 30
PAUSED_S = 5.0  # a worker would have finished some by then
STAGES = {
    "landmark_service": "landmark",
    "agegender_service": "agegender",
    "data_storage_service": "storage",
}


@pytest.mark.parametrize("service", STAGES)
def test_a_killed_worker_loses_nothing(
    stack: LocalStack, portraits: list[Path], service: str
) -> None:
    quality = 70 + list(STAGES).index(service)

    def kill_worker() -> None:
        worker, *_ = stack.workers(service)
        kill(worker)

    _kill_in_the_middle(stack, batch_of(portraits, BATCH, quality), kill_worker)


@pytest.mark.parametrize("service", [*STAGES, "input_service"])
def test_a_killed_service_loses_nothing(
    stack: LocalStack, portraits: list[Path], service: str
) -> None:
    quality = 80 + [*STAGES, "input_service"].index(service)

    _kill_in_the_middle(
        stack,
        batch_of(portraits, BATCH, quality),
        lambda: kill(stack.main_process(service)),
    )


def test_a_killed_redis_loses_nothing(stack: LocalStack, portraits: list[Path]) -> None:
    _kill_in_the_middle(
        stack, batch_of(portraits, BATCH, 90), lambda: kill(stack.main_process("redis-server"))
    )


def test_a_redis_that_lost_everything_loses_nothing(
    stack: LocalStack, portraits: list[Path]
) -> None:
    def forget() -> None:
        with connect_redis(stack.redis) as redis:
            redis.flushall()
        kill(stack.main_process("redis-server"))

    _kill_in_the_middle(stack, batch_of(portraits, BATCH, 91), forget)


def test_a_pause_outlives_everything_and_loses_nothing(
    stack: LocalStack, portraits: list[Path]
) -> None:
    # Given a batch that was sent during a pause
    stack.wait_ready()
    since = stack.api.pause().paused_at
    try:
        before = stats(stack)
        ids = upload_all(stack.api, batch_of(portraits, BATCH, 92))

        # When Redis loses everything, and every service is killed
        with connect_redis(stack.redis) as redis:
            redis.flushall()
        for service in ("redis-server", *STAGES, "input_service"):
            kill(stack.main_process(service))
        stack.wait_ready()

        # Then nothing is begun, and the pause is the same one
        time.sleep(PAUSED_S)
        assert stats(stack)["stored"] == before["stored"]
        assert stack.api.stats().paused_at == since
    finally:
        stack.api.resume()

    # And when work goes on, every image comes to its result
    states = stack.api.wait_all(ids)
    assert Counter(state.status for state in states.values()) == {"stored": len(ids)}
    assert stats(stack)["stored"] == before["stored"] + len(ids)


def _kill_in_the_middle(stack: LocalStack, batch: list[bytes], do_harm: Callable[[], None]) -> None:
    # Given a batch that has been accepted and of which a part is finished
    stack.wait_ready()
    before = stats(stack)
    ids = upload_all(stack.api, batch)
    _wait_until_some_are_stored(stack, before["stored"])

    # When something is killed
    do_harm()

    # Then every image comes to its result, once
    states = stack.api.wait_all(ids)
    assert Counter(state.status for state in states.values()) == {"stored": len(batch)}
    after = stats(stack)
    assert {name: after[name] - before[name] for name in after} == {
        "accepted": len(batch),
        "stored": len(batch),
        "faces": sum(state.num_faces or 0 for state in states.values()),
    }
    assert all(state.num_faces for state in states.values())
    saved = {path.stem for path in (stack.volumes / "saved_data").glob("*.json")}
    assert saved >= set(ids)
    listed = Counter(image.image_id for image in stack.api.images())
    assert all(listed[image_id] == 1 for image_id in ids)
    assert not list((stack.volumes / "inbox").glob("[0-9a-f]*"))


def _wait_until_some_are_stored(stack: LocalStack, before: int) -> None:
    deadline = time.monotonic() + 60
    while stats(stack)["stored"] < before + 3:
        assert time.monotonic() < deadline, "nothing is stored"
        time.sleep(0.05)
