from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from facepipe.analysis import ImageInfo, Status
from facepipe.inbox import Inbox, InboxEntry
from facepipe.jobs import ImageJob, QueueName
from facepipe.store_client import FaceStoreClient
from input_service import reconciler as module
from input_service.reconciler import Reconciler
from input_service.results import ResultFiles
from services.input_service.tests.fakes import FakeStore

ID = "ab" * 32
NOW = datetime.now(UTC)


class Queues:
    """The jobs that are live, and the ones that were put on a queue."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.enqueued: list[ImageJob] = []


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Queues:
    queues = Queues()

    def enqueue(_: Redis, job: ImageJob) -> bool:
        queues.enqueued.append(job)
        queues.live.add(job.job_id)
        return True

    monkeypatch.setattr(module, "live_job_ids", lambda _: set(queues.live))
    monkeypatch.setattr(module, "enqueue", enqueue)
    return queues


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def reconciler(inbox: Inbox, store: FakeStore, results: ResultFiles) -> Reconciler:
    return Reconciler(inbox, cast(FaceStoreClient, store), cast(Redis, None), results, 1.0)


def test_an_upload_that_nobody_knows_is_registered_and_queued_once(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    # Given an upload that was accepted while ledger and Redis were down
    inbox.add(ID, b"pixels", _entry())

    # When several passes go by
    for _ in range(4):
        reconciler.reconcile()

    # Then it is in the ledger and on the queue, exactly once
    assert store.states[ID].status is Status.QUEUED
    assert [job.queue for job in queues.enqueued] == [QueueName.LANDMARK]


def test_a_live_job_is_left_alone_in_any_stage(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW, queued=True)
    for queue in (QueueName.LANDMARK, QueueName.AGEGENDER, QueueName.STORAGE):
        queues.live = {ImageJob(queue, ID, 1).job_id}

        assert [reconciler.reconcile() for _ in range(3)] == [0, 0, 0]


def test_a_job_that_vanished_starts_over_as_a_new_generation(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW, queued=True)

    counts = [reconciler.reconcile() for _ in range(3)]

    assert counts == [0, 1, 0]
    assert store.states[ID].generation == 2
    assert [job.generation for job in queues.enqueued] == [2]


def test_a_job_that_could_not_be_queued_keeps_its_generation(
    inbox: Inbox,
    store: FakeStore,
    queues: Queues,
    reconciler: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a Redis that is full for a while
    def refuse(_: Redis, job: ImageJob) -> bool:
        raise RedisError("OOM command not allowed")

    inbox.add(ID, b"pixels", _entry())
    with monkeypatch.context() as full:
        full.setattr(module, "enqueue", refuse)
        for _ in range(6):
            with contextlib.suppress(RedisError):
                reconciler.reconcile()

    # When there is room again
    for _ in range(2):
        reconciler.reconcile()

    # Then the first generation is queued: none was used up in vain
    assert [job.generation for job in queues.enqueued] == [1]


def test_a_note_that_cannot_be_read_does_not_hold_up_the_others(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    other = "cd" * 32
    inbox.add(other, b"pixels", _entry())
    inbox.path(other).with_suffix(".json").write_bytes(b"{")

    for _ in range(2):
        reconciler.reconcile()

    assert [job.image_id for job in queues.enqueued] == [ID]


def test_a_job_that_was_only_between_two_stages_is_no_lost_one(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW, queued=True)

    reconciler.reconcile()  # no job to be seen
    queues.live = {ImageJob(QueueName.AGEGENDER, ID, 1).job_id}
    reconciler.reconcile()  # here it is
    queues.live = set()

    assert reconciler.reconcile() == 0


def test_the_upload_of_a_finished_image_is_erased_from_the_inbox(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW)
    store.finish(ID, Status.STORED)

    reconciler.reconcile()

    assert ID not in inbox
    assert not queues.enqueued


def test_an_upload_sent_again_after_its_result_is_analysed_again(
    inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    # Given an image that was finished before the upload in the inbox came
    store.register(ID, _entry().image, NOW - timedelta(hours=2))
    store.finish(ID, Status.STORED, updated_at=NOW - timedelta(hours=1))
    inbox.add(ID, b"pixels", _entry())

    for _ in range(3):
        reconciler.reconcile()

    assert ID in inbox
    assert len(queues.enqueued) == 1
    assert queues.enqueued[0].generation > 1


@pytest.mark.parametrize("status", [Status.STORED, Status.FAILED, Status.DELETED])
def test_an_image_that_ended_before_it_came_by_a_clock_set_back_is_not_sent_again(
    status: Status, inbox: Inbox, store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    # Given an upload whose image had its end after the clock was set back
    store.register(ID, _entry().image, NOW)
    store.finish(ID, status, updated_at=NOW - timedelta(hours=1))
    inbox.add(ID, b"pixels", _entry())

    for _ in range(3):
        reconciler.reconcile()

    assert ID not in inbox
    assert not queues.enqueued


def test_an_image_whose_upload_is_gone_fails_instead_of_waiting_for_ever(
    store: FakeStore, queues: Queues, reconciler: Reconciler
) -> None:
    store.register(ID, _entry().image, NOW, queued=True)

    for _ in range(3):
        reconciler.reconcile()

    assert [(image_id, error.code) for image_id, error in store.failures] == [(ID, "upload_lost")]
    assert not queues.enqueued


def _entry() -> InboxEntry:
    image = ImageInfo(width=4, height=3, format="PNG", sha256=ID, file_name="a.png")
    return InboxEntry(image=image, received_at=NOW)
