"""A person beside a batch; the long version is `benchmarks/waiting.py`, part of `make chaos`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import psutil

from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.many_photos import photographs

BULK = 160
_PATIENCE_S = 240


def test_what_a_person_waits_for_ends_ahead_of_the_bulk_that_was_sent_before(
    stack: LocalStack,
) -> None:
    # Given a batch that waits, because those who find faces stand still while it is sent
    stack.wait_ready()
    before = _ended(stack)
    *bulk, photograph = islice(photographs(BULK + 1, shortest=100, seed=7), BULK + 1)
    with _standing_still(stack.workers("landmark_service")):
        for begin in range(0, BULK, 40):
            sent = stack.api.upload_many(bulk[begin : begin + 40])
            assert all(upload.image_id for upload in sent)
    ahead = _ended(stack) - before

    # When a person sends one more and waits for it
    answer = stack.api.upload(photograph, "mine.jpg", wait_s=_PATIENCE_S)

    # Then it overtakes nearly all of them: only what the stages had in hand ends before it
    assert answer.status == "stored"
    overtaken = BULK - (_ended(stack) - before - 1)
    assert overtaken > 0.8 * (BULK - ahead), f"{overtaken} of {BULK - ahead} were overtaken"

    # And the rest of the batch is analysed afterwards
    deadline = time.monotonic() + _PATIENCE_S
    while _ended(stack) - before < BULK + 1:
        assert time.monotonic() < deadline
        time.sleep(0.5)


@contextmanager
def _standing_still(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _ended(stack: LocalStack) -> int:
    """How many images have come to their end since the stack began."""
    return stack.api.stats().stored
