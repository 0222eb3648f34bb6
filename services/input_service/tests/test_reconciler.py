from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.status import Status
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.ledger.client import FaceStoreClient
from input_service.reconciler import Reconciler
from services.input_service.tests.fakes import FakeStore

ID = "ab" * 32
NOW = datetime.now(UTC)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def reconciler(inbox: Inbox, store: FakeStore) -> Reconciler:
    return Reconciler(inbox, cast(FaceStoreClient, store), lambda: True, 1.0)


def test_an_upload_that_nobody_knows_is_registered_once(
    inbox: Inbox, store: FakeStore, reconciler: Reconciler
) -> None:
    # Given an upload that was accepted while the ledger was down
    inbox.add(ID, b"pixels", _entry())

    # When several passes go by
    counts = [reconciler.reconcile() for _ in range(4)]

    # Then it is in the ledger, as its first generation
    assert counts == [1, 0, 0, 0]
    assert store.states[ID].generation == 1


def test_uploads_that_are_known_to_be_registered_are_not_asked_for(
    inbox: Inbox, store: FakeStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one pass, and then an upload whose registration was told
    reconciler.reconcile()
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW)
    reconciler.note_registered(ID)

    # When passes go by, then nobody is asked
    for call in ("get", "list"):
        monkeypatch.setattr(store, call, lambda *_: pytest.fail("the ledger was asked"))
    assert [reconciler.reconcile() for _ in range(3)] == [0, 0, 0]

    # Until the minute is over
    reconciler._full_at = 0.0
    with pytest.raises(pytest.fail.Exception):
        reconciler.reconcile()


def test_a_note_that_cannot_be_read_does_not_hold_up_the_others(
    inbox: Inbox, store: FakeStore, reconciler: Reconciler, tmp_path: Path
) -> None:
    inbox.add(ID, b"pixels", _entry())
    other = "cd" * 32
    inbox.add(other, b"pixels", _entry())
    (tmp_path / "inbox" / f"{other}.json").write_bytes(b"{")

    for _ in range(2):
        reconciler.reconcile()

    assert set(store.states) == {ID}


def test_the_upload_of_a_finished_image_is_erased_from_the_inbox(
    inbox: Inbox, store: FakeStore, reconciler: Reconciler
) -> None:
    inbox.add(ID, b"pixels", _entry())
    store.register(ID, _entry().image, NOW)
    store.finish(ID, Status.STORED)

    reconciler.reconcile()

    assert ID not in inbox
    assert store.states[ID].generation == 1


def test_an_upload_sent_again_after_its_result_is_analysed_again(
    inbox: Inbox, store: FakeStore, reconciler: Reconciler
) -> None:
    # Given an image that was finished before the upload in the inbox came
    store.register(ID, _entry().image, NOW - timedelta(hours=2))
    store.finish(ID, Status.STORED, updated_at=NOW - timedelta(hours=1))
    inbox.add(ID, b"pixels", _entry())

    for _ in range(3):
        reconciler.reconcile()

    assert ID in inbox
    assert store.states[ID].generation == 2


@pytest.mark.parametrize("status", [Status.STORED, Status.FAILED, Status.DELETED])
def test_an_image_that_ended_before_it_came_by_a_clock_set_back_is_not_sent_again(
    status: Status, inbox: Inbox, store: FakeStore, reconciler: Reconciler
) -> None:
    # Given an upload whose image had its end after the clock was set back
    store.register(ID, _entry().image, NOW)
    store.finish(ID, status, updated_at=NOW - timedelta(hours=1))
    inbox.add(ID, b"pixels", _entry())

    for _ in range(3):
        reconciler.reconcile()

    assert ID not in inbox
    assert store.states[ID].generation == 1


def _entry() -> InboxEntry:
    image = ImageInfo(width=4, height=3, format="PNG", sha256=ID, file_name="a.png")
    return InboxEntry(image=image, received_at=NOW)
