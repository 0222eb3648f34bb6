"""Jobs that are due are sent, and what waits for a lost one is started over; Redis is played."""

from __future__ import annotations

import math
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from data_storage_service import dispatch, recovery
from data_storage_service.dispatch import Dispatcher
from data_storage_service.leading import Lead
from data_storage_service.pausing import Pause
from data_storage_service.recovery import Recovery
from facepipe.domain.status import Status
from facepipe.queue.jobs import ImageJob
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


class Queues:
    """The jobs that are live, and the ones that were put on a queue."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.sent: list[tuple[ImageJob, bool]] = []
        self.is_full = False

    def enqueue(
        self, _: Redis, job: ImageJob, *, timeout_s: int | None = None, urgent: bool = False
    ) -> bool:
        if self.is_full:
            raise RedisError("OOM command not allowed")
        self.sent.append((job, urgent))
        self.live.add(job.job_id)
        return True


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Queues:
    queues = Queues()
    monkeypatch.setattr(dispatch, "enqueue", queues.enqueue)
    monkeypatch.setattr(recovery, "live_job_ids", lambda _: set(queues.live))
    monkeypatch.setattr(recovery, "count_live_jobs", lambda _: len(queues.live))
    monkeypatch.setattr(dispatch, "_PAUSE_S", 0.0)
    monkeypatch.setattr(dispatch, "_OTHERS_MARK_WITHIN_S", 0.0)
    return queues


@pytest.fixture
def dispatcher(rig: Rig, queues: Queues) -> Dispatcher:
    engine, redis = rig.ledger.engine, cast(Redis, None)
    return Dispatcher(rig.ledger, rig.queries, redis, Pause(engine, redis), Lead(engine))


@pytest.fixture
def subject(rig: Rig, dispatcher: Dispatcher) -> Recovery:
    return Recovery(
        rig.ledger,
        rig.queries,
        cast(Redis, None),
        dispatcher,
        Lead(rig.ledger.engine),
        rig.settler,
        rig.files,
        rig.inbox,
        every_s=1.0,
    )


def test_jobs_are_compared_one_by_one_only_where_their_number_is_too_small(
    rig: Rig, subject: Recovery, dispatcher: Dispatcher, queues: Queues
) -> None:
    # Given an image whose job is live, compared once
    image_id = rig.accept()
    dispatcher.dispatch(image_id)
    subject.recover()
    subject._full_at = math.inf

    # Then it is not compared again, until the job is lost
    assert not subject.is_due()
    queues.live.clear()
    assert subject.is_due()

    # And again when the time has come, whatever the number
    queues.live.add("landmark-of-somebody-else")
    assert not subject.is_due()
    subject._full_at = 0.0
    assert subject.is_due()


def test_each_job_of_an_image_is_sent_once(
    rig: Rig, dispatcher: Dispatcher, queues: Queues
) -> None:
    image_id = rig.accept()
    for _ in range(2):
        dispatcher.dispatch(image_id)
    rig.analyse(image_id)

    assert [dispatcher.dispatch_all() for _ in range(2)] == [2, 0]
    assert [job.queue for job, _ in queues.sent] == ["landmark", "agegender", "storage"]


def test_what_a_part_makes_due_is_sent_at_once_and_marked_with_others(
    rig: Rig, dispatcher: Dispatcher, queues: Queues
) -> None:
    # given an image with a part, whose next job was passed on
    image_id = rig.accept()
    dispatcher.dispatch(image_id)
    saved = rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    dispatcher.pass_on(image_id, saved.due)
    assert [job.queue for job, _ in queues.sent] == ["landmark", "agegender"]
    assert rig.due(image_id) == ["agegender"]

    # when the next round comes, then it is marked and not sent again
    assert dispatcher.dispatch_all() == 0
    assert rig.due(image_id) == []
    assert len(queues.sent) == 2


def test_what_redis_does_not_take_when_it_is_passed_on_follows_later(
    rig: Rig, dispatcher: Dispatcher, queues: Queues
) -> None:
    # given a part that comes while Redis is full
    image_id = rig.accept()
    dispatcher.dispatch(image_id)
    saved = rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    queues.is_full = True
    dispatcher.pass_on(image_id, saved.due)

    # when there is room again
    queues.is_full = False

    # then the job is sent
    assert dispatcher.dispatch_all() == 1
    assert [job.queue for job, _ in queues.sent] == ["landmark", "agegender"]


def test_what_a_person_waits_for_is_sent_first_and_as_urgent(
    rig: Rig, dispatcher: Dispatcher, queues: Queues
) -> None:
    bulk = rig.accept(1)
    urgent = samples.image_id_of(2)
    rig.ledger.register(urgent, samples.info(urgent), samples.START, urgent=True)

    dispatcher.dispatch_all()

    assert [(job.image_id, is_urgent) for job, is_urgent in queues.sent] == [
        (urgent, True),
        (bulk, False),
    ]


def test_a_full_redis_uses_up_no_generation(
    rig: Rig, dispatcher: Dispatcher, subject: Recovery, queues: Queues
) -> None:
    # given a Redis that takes nothing for a while
    image_id = rig.accept()
    queues.is_full = True
    dispatcher.dispatch(image_id)
    assert [subject.recover() for _ in range(3)] == [0, 0, 0]
    assert rig.state(image_id).status is Status.RECEIVED

    # when there is room again
    queues.is_full = False
    dispatcher.dispatch_all()

    # then the first generation is queued
    assert [job.generation for job, _ in queues.sent] == [1]
    assert rig.state(image_id).status is Status.QUEUED


def test_a_live_job_is_left_alone_in_any_stage(
    rig: Rig, dispatcher: Dispatcher, subject: Recovery, queues: Queues
) -> None:
    image_id = rig.accept()
    dispatcher.dispatch_all()
    assert [subject.recover() for _ in range(3)] == [0, 0, 0]
    rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    dispatcher.dispatch_all()
    queues.live = {ImageJob(StageName.AGEGENDER, image_id, 1).job_id}

    assert [subject.recover() for _ in range(3)] == [0, 0, 0]


def test_a_job_that_vanished_starts_the_image_over_after_two_passes(
    rig: Rig, dispatcher: Dispatcher, subject: Recovery, queues: Queues
) -> None:
    image_id = rig.accept()
    dispatcher.dispatch_all()
    queues.live.clear()

    assert [subject.recover() for _ in range(3)] == [0, 1, 0]
    assert rig.state(image_id).generation == 2
    assert [job.generation for job, _ in queues.sent] == [1, 2]


def test_a_job_that_moved_between_two_looks_is_no_lost_one(
    rig: Rig, dispatcher: Dispatcher, subject: Recovery, queues: Queues
) -> None:
    rig.accept()
    dispatcher.dispatch_all()
    live = set(queues.live)

    queues.live.clear()
    subject.recover()  # not to be seen
    queues.live = live
    subject.recover()  # here it is
    queues.live = set()

    assert subject.recover() == 0


def test_an_image_whose_upload_is_gone_fails_instead_of_waiting_for_ever(
    rig: Rig, dispatcher: Dispatcher, subject: Recovery, queues: Queues
) -> None:
    image_id = rig.accept()
    dispatcher.dispatch_all()
    queues.live.clear()
    rig.inbox.remove(image_id)

    for _ in range(2):
        subject.recover()

    state = rig.state(image_id)
    assert state.status is Status.FAILED
    assert state.error is not None
    assert state.error.code == "upload_lost"
    assert len(queues.sent) == 1
