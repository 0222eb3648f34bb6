from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq.utils import utcformat, utcparse

from facepipe.domain.analysis import PartError
from facepipe.domain.errors import ServiceUnavailableError, UndecodableImageError
from facepipe.ledger.states import StageRun
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import part_run, runs
from facepipe.stage.runs import FAILURE_KEY
from facepipe.stages import StageName
from facepipe.system.settings import RedisSettings
from tests.support.waiting import wait_until

IMAGE_ID = "ab" * 32


class Ledger:
    """Keeps what it is told; `is_down` makes it as deaf as a service that is not there."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.started: list[StageRun] = []
        self.failures: list[tuple[StageRun, PartError]] = []

    def save_started(self, run: StageRun) -> bool:
        self._answer()
        self.started.append(run)
        return True

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        self._answer()
        self.failures.append((run, error))
        return True

    def _answer(self) -> None:
        if self.is_down:
            raise ServiceUnavailableError("the ledger is down")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The second of four tries."""
    job = Job("landmark-ab-1", connection=connect_redis(RedisSettings(url="redis://127.0.0.1:1/0")))
    job.retries_left, job.retry_intervals = 2, [1, 5, 15]
    job.worker_name = "landmark_service-1"
    job.enqueued_at = datetime.now(UTC) - timedelta(seconds=2)
    job.meta = {"traceparent": ""}
    monkeypatch.setattr(runs, "get_current_job", lambda: job)
    return job


def fail(error: Exception) -> None:
    """Raises, where a type checker does not see that what follows is reached after all."""
    raise error


@contextmanager
def running(ledger: Ledger) -> Iterator[runs.PartRun]:
    with part_run(StageName.LANDMARK, IMAGE_ID, 3, ledger) as run:
        yield run


def test_a_run_knows_who_does_what_for_which_time(job: Job) -> None:
    ledger = Ledger()

    with running(ledger) as run:
        with run.timed("detect"):
            pass
        with run.timed("detect"):
            pass

    assert (run.run.image_id, run.run.generation, run.run.stage) == (IMAGE_ID, 3, "landmark")
    assert (run.run.attempt, run.run.worker) == (2, "landmark_service-1")
    assert run.run.timings_ms["detect"] >= 0
    assert 2000 <= run.run.timings_ms["queued"] < 60_000
    assert run.run.ended_at is not None
    assert run.run.ended_at >= run.run.started_at
    assert ledger.failures == []


def test_the_start_of_a_short_run_is_not_told(job: Job) -> None:
    ledger = Ledger()

    with running(ledger):
        pass

    assert ledger.started == []


def test_the_start_of_a_long_run_is_told_while_it_goes_on(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    monkeypatch.setattr(runs, "START_TOLD_AFTER_S", 0.01)

    with running(ledger):
        wait_until(lambda: bool(ledger.started))

    [started] = ledger.started
    assert (started.stage, started.attempt) == ("landmark", 2)


def test_a_try_that_failed_is_told_by_its_start(job: Job) -> None:
    ledger = Ledger()

    with pytest.raises(RuntimeError), running(ledger):
        raise RuntimeError("no luck")

    assert [run.attempt for run in ledger.started] == [2]


def test_an_error_that_may_pass_is_raised_and_tried_again(job: Job) -> None:
    ledger = Ledger()

    with pytest.raises(RuntimeError), running(ledger):
        raise RuntimeError("no luck")
    with pytest.raises(ServiceUnavailableError), running(ledger):
        raise ServiceUnavailableError("no answer")

    assert ledger.failures == []


def test_an_error_that_stays_is_reported_and_swallowed(job: Job) -> None:
    ledger = Ledger()

    with running(ledger):
        fail(UndecodableImageError("no photograph"))

    [(run, error)] = ledger.failures
    assert run.attempt == 2
    assert error == PartError(code="undecodable_image", message="no photograph")
    assert job.meta[FAILURE_KEY] == "undecodable_image"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("no luck"), "internal_error"),
        (JobTimeoutException("late"), "timeout"),
        (MemoryError(), "out_of_memory"),
    ],
)
def test_any_other_error_at_the_last_attempt_is_reported(
    job: Job, error: Exception, code: str
) -> None:
    ledger = Ledger()
    job.retries_left = 0

    with running(ledger) as run:
        assert run.is_last_attempt
        fail(error)

    assert [(run.attempt, error.code) for run, error in ledger.failures] == [(4, code)]


@pytest.mark.parametrize("outage", [RedisConnectionError(), ServiceUnavailableError("down")])
def test_an_outage_is_never_the_fault_of_the_image(job: Job, outage: Exception) -> None:
    ledger = Ledger()
    job.retries_left = 0

    with pytest.raises(type(outage)), running(ledger):
        raise outage

    assert ledger.failures == []


def test_a_ledger_that_is_down_does_not_keep_a_run_from_starting(job: Job) -> None:
    with running(Ledger(is_down=True)) as run:
        assert run.attempt == 2


def test_a_failure_that_cannot_be_reported_is_raised(job: Job) -> None:
    with pytest.raises(ServiceUnavailableError), running(Ledger(is_down=True)):
        raise UndecodableImageError("no photograph")


def test_outside_of_a_worker_there_is_one_attempt_and_no_last() -> None:
    with running(Ledger()) as run:
        assert (run.attempt, run.is_last_attempt) == (1, False)

    with pytest.raises(RuntimeError), running(Ledger()):
        raise RuntimeError("no luck")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "UTC"])
def test_the_wait_in_the_queue_is_the_same_in_every_zone(
    zone: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a job whose time RQ has written and read again, on a machine with summer time
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        job.enqueued_at = utcparse(utcformat(datetime.now(UTC) - timedelta(seconds=2)))

        with running(Ledger()) as run:
            pass
    time.tzset()

    # Then it waited two seconds, not hours, and the run tells its times in UTC
    assert 2000 <= run.timings_ms["queued"] < 60_000
    assert run.run.started_at.utcoffset() == timedelta(0)
