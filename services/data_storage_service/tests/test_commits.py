"""Somebody who waits for changes learns of commits, and of a ledger that was replaced."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.commits import CommitWatch
from data_storage_service.database import open_index, open_server
from data_storage_service.notifications import Notifications
from data_storage_service.queries import Queries
from data_storage_service.watch import ChangeFeed
from services.data_storage_service.tests.rig import Rig
from tests.support.waiting import wait_until

_WRITE_WHEN_TOLD = """
import sys
from pathlib import Path
from data_storage_service.database import open_index
engine = open_index(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
    connection.exec_driver_sql("UPDATE counters SET value = value + 1")
"""

of_the_file = pytest.mark.parametrize("database", ["sqlite"])


@of_the_file
def test_a_commit_is_news_once(rig: Rig) -> None:
    # given somebody who has asked once
    commits = CommitWatch(rig.ledger.engine, wait_s=0.0)
    assert commits.has_news()
    assert not commits.has_news()

    # when an image is accepted
    rig.accept()

    # then that is news, and only once
    assert [commits.has_news(), commits.has_news()] == [True, False]
    commits.close()


@of_the_file
def test_reading_is_no_news(rig: Rig) -> None:
    image_id = rig.accept()
    commits = CommitWatch(rig.ledger.engine, wait_s=0.0)
    commits.has_news()

    rig.state(image_id)

    assert not commits.has_news()
    commits.close()


@of_the_file
def test_a_ledger_that_takes_the_place_of_another_is_watched_from_then_on(
    rig: Rig, tmp_path: Path
) -> None:
    # given a ledger that is watched
    path = Path(str(rig.ledger.engine.url.database))
    commits = CommitWatch(rig.ledger.engine, wait_s=0.0)
    commits.has_news()

    # when another file is put in its place
    other = open_index(tmp_path / "other.sqlite3")
    other.dispose()
    (tmp_path / "other.sqlite3").replace(path)

    # then that is news, and what is written to it as well
    assert commits.has_news()
    assert [commits.has_news(), commits.has_news()] == [True, False]
    rig.accept()
    assert commits.has_news()
    commits.close()


@of_the_file
def test_a_commit_of_another_process_is_told_of_at_once(rig: Rig) -> None:
    # given somebody who waits, and a process that has the ledger open
    commits = CommitWatch(rig.ledger.engine, wait_s=60.0)
    commits.has_news()
    path = str(rig.ledger.engine.url.database)
    with subprocess.Popen(
        [sys.executable, "-c", _WRITE_WHEN_TOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        commits.close()  # and with it what it was told of the opening
        commits.has_news()

        # when it commits
        other.stdin.write("\n")
        other.stdin.flush()

        # then that is news long before one would look without being told
        assert commits.has_news()
    commits.close()


@of_the_file
def test_two_who_wait_for_one_file_both_learn_of_a_commit(rig: Rig) -> None:
    # given one who is told of commits, and another who finds the place taken
    first = CommitWatch(rig.ledger.engine, wait_s=0.0)
    second = CommitWatch(rig.ledger.engine, wait_s=0.0)
    assert first.has_news()
    assert second.has_news()

    rig.accept()

    assert first.has_news()
    assert second.has_news()
    first.close()
    second.close()


@pytest.fixture
def feed(engine: Engine) -> Iterator[ChangeFeed]:
    """Of a replica: on connections of its own."""
    own = open_server(engine.url)
    feed = ChangeFeed(Queries(own), Notifications(own))
    feed.start()
    yield feed
    feed.close()
    own.dispose()


class Watcher:
    """Somebody at another replica, who notes what is told, and when."""

    def __init__(self, feed: ChangeFeed) -> None:
        self.told: list[tuple[str, float]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=[feed])
        self._thread.start()

    def _watch(self, feed: ChangeFeed) -> None:
        for state in feed.watch([], lambda: not self._is_over.is_set(), limit_s=0.1):
            self.told.append((state.image_id, time.monotonic()))

    def leave(self) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def watcher(feed: ChangeFeed) -> Iterator[Watcher]:
    watcher = Watcher(feed)
    yield watcher
    watcher.leave()


on_a_server = pytest.mark.parametrize("database", ["postgresql"])


@on_a_server
def test_a_change_reaches_another_replica_within_a_tenth_of_a_second(
    rig: Rig, watcher: Watcher
) -> None:
    # given somebody who watches through another replica
    rig.accept(0)
    wait_until(lambda: bool(watcher.told))

    # when images are accepted here
    sent = []
    for number in range(1, 11):
        image_id = rig.accept(number)
        sent.append((image_id, time.monotonic()))
        time.sleep(0.05)
    wait_until(lambda: len({image_id for image_id, _ in watcher.told}) == 11)

    # then all are told of there, at once where the machine has the time
    told = dict(reversed(watcher.told))
    delays = sorted(told[image_id] - moment for image_id, moment in sent)
    assert delays[len(delays) // 4] < 0.1, delays


@on_a_server
def test_what_happens_while_the_connection_is_cut_is_told_of_afterwards(
    rig: Rig, watcher: Watcher
) -> None:
    # given somebody who watches through another replica
    rig.accept(0)
    wait_until(lambda: bool(watcher.told))

    def is_told(image_id: str) -> bool:
        return any(image_id == one for one, _ in watcher.told)

    # when the connection that listens is cut again and again, then what is accepted is told of
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE left(query, 6) = 'LISTEN'"
    for number in range(1, 4):
        with rig.ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
            one.exec_driver_sql(cut)
        image_id = rig.accept(number)
        wait_until(partial(is_told, image_id))
