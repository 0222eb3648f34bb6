from __future__ import annotations

from datetime import UTC, datetime

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import TooManyRequestsError
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.queue.redis_connection import connect_redis
from facepipe.system.settings import RedisSettings
from input_service.backlog import Backlog


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def backlog_of(inbox: Inbox, limit: int, clock: Clock) -> Backlog:
    return Backlog(inbox, connect_redis(RedisSettings(url="redis://127.0.0.1:9/0")), limit, clock)


def test_below_the_limit_everybody_is_let_in(inbox: Inbox, clock: Clock) -> None:
    backlog = backlog_of(inbox, 5, clock)
    fill(inbox, backlog, 4)

    backlog.check(urgent=False)


def test_at_the_limit_only_people_who_wait_are_let_in(inbox: Inbox, clock: Clock) -> None:
    backlog = backlog_of(inbox, 5, clock)
    fill(inbox, backlog, 5)

    with pytest.raises(TooManyRequestsError):
        backlog.check(urgent=False)
    backlog.check(urgent=True)
    fill(inbox, backlog, 10, start=5)
    with pytest.raises(TooManyRequestsError):
        backlog.check(urgent=True)


def test_the_time_to_wait_follows_from_how_fast_images_get_done(inbox: Inbox, clock: Clock) -> None:
    # Given a limit of 100, which is passed by 20, and 30 images done in 10 s
    backlog = backlog_of(inbox, 100, clock)
    fill(inbox, backlog, 150)
    backlog.refresh()
    drain(inbox, 30)
    clock.now_s = 10
    backlog.refresh()

    # When one more comes
    with pytest.raises(TooManyRequestsError) as refused:
        backlog.check(urgent=False)

    # Then it may come back when 20, and a little room besides, are done at 3 a second
    assert refused.value.retry_after_s == pytest.approx(25 / 3)


def test_the_time_to_wait_is_bounded(inbox: Inbox, clock: Clock) -> None:
    backlog = backlog_of(inbox, 10, clock)
    fill(inbox, backlog, 100)
    for clock.now_s in (0, 50):
        backlog.refresh()

    with pytest.raises(TooManyRequestsError) as refused:
        backlog.check(urgent=False)

    assert refused.value.retry_after_s == 600


def test_only_the_last_minute_counts(inbox: Inbox, clock: Clock) -> None:
    backlog = backlog_of(inbox, 10, clock)
    fill(inbox, backlog, 2000)
    backlog.refresh()
    drain(inbox, 1900)
    for clock.now_s in (1, 100, 110):
        backlog.refresh()

    with pytest.raises(TooManyRequestsError) as refused:
        backlog.check(urgent=False)

    assert refused.value.retry_after_s == 600


def test_without_a_limit_nobody_is_refused(inbox: Inbox, clock: Clock) -> None:
    backlog = backlog_of(inbox, 0, clock)
    fill(inbox, backlog, 50)

    backlog.check(urgent=False)


ENTRY = InboxEntry(
    image=ImageInfo(width=1, height=1, format="PNG", sha256="0" * 64),
    received_at=datetime.now(UTC),
)


def fill(inbox: Inbox, backlog: Backlog, number: int, start: int = 0) -> None:
    for image in range(start, start + number):
        inbox.add(f"{image:064x}", b"pixels", ENTRY)
        backlog.note_accepted()


def drain(inbox: Inbox, number: int) -> None:
    for image_id in sorted(inbox.ids())[:number]:
        inbox.remove(image_id)
