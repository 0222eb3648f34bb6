"""Somebody who waits for changes learns of commits, and of a ledger that was replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_storage_service.commits import CommitWatch
from data_storage_service.database import open_index
from services.data_storage_service.tests.rig import Rig


def test_a_commit_is_news_once(rig: Rig) -> None:
    # given somebody who has asked once
    commits = CommitWatch(rig.ledger.engine)
    assert commits.has_news()
    assert not commits.has_news()

    # when an image is accepted
    rig.accept()

    # then that is news, and only once
    assert [commits.has_news(), commits.has_news()] == [True, False]
    commits.close()


def test_reading_is_no_news(rig: Rig) -> None:
    image_id = rig.accept()
    commits = CommitWatch(rig.ledger.engine)
    commits.has_news()

    rig.state(image_id)

    assert not commits.has_news()
    commits.close()


def test_a_ledger_that_takes_the_place_of_another_is_watched_from_then_on(
    rig: Rig, tmp_path: Path
) -> None:
    # given a ledger that is watched
    path = Path(str(rig.ledger.engine.url.database))
    commits = CommitWatch(rig.ledger.engine)
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


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_server_is_asked_each_time(rig: Rig) -> None:
    commits = CommitWatch(rig.ledger.engine)

    assert [commits.has_news(), commits.has_news()] == [True, True]
    commits.close()
