"""The power goes, at whatever moment, while a result is stored or an image deleted.

Every order is tried out in which files and commits may reach the disk. Of commits, those that were
made with `synchronous=FULL` are safe, with all before them; the others may be lost from the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from data_storage_service.database import open_index
from data_storage_service.leading import Lead
from data_storage_service.settling import SettlingLoop
from facepipe.domain.errors import ImageNotFoundError
from facepipe.domain.status import Status
from services.data_storage_service.tests.rig import Rig, rig_on
from tests.support import store_samples as samples
from tests.support.power_cut import Disk, Outcome

FULL = 2
INDEX = "saved_data/.index/index.sqlite3"


@pytest.fixture
def disk(rig: Rig) -> Disk:
    def read() -> bytes:
        with closing(sqlite3.connect(rig.root / INDEX)) as db, closing(_memory()) as copy:
            db.backup(copy)
            return copy.serialize()

    last = {"synced": True}
    disk = Disk(rig.root, INDEX, read, lambda: last["synced"])

    @event.listens_for(rig.ledger.engine, "begin")
    def note(connection: Connection) -> None:
        disk.look_at_database()
        last["synced"] = connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == FULL

    return disk


def test_an_image_being_stored_ends_whole(rig: Rig, disk: Disk, tmp_path: Path) -> None:
    # Given an accepted image, with every step noted that stores its result
    image_id = rig.accept()
    rig.analyse(image_id)
    with disk.recording():
        assert rig.store(image_id)
        disk.tell("stored")
    jpeg = rig.annotated_file(image_id).read_bytes()

    # When the power goes, at any moment, and comes back
    for outcome, after in _after_each(disk, tmp_path):
        # Then a file that stands is whole
        if after.document_file(image_id).exists():
            assert after.files.read_document(image_id).num_faces == 1
        if after.annotated_file(image_id).exists():
            assert after.annotated_file(image_id).read_bytes() == jpeg

        # And the image ends as it would have, with nothing left over
        if "stored" in outcome.told:
            assert after.state(image_id).status is Status.STORED
        _go_on(after, image_id)
        _settle(after)
        assert after.state(image_id).status is Status.STORED
        assert after.files.read_document(image_id).status is Status.STORED
        assert after.annotated_file(image_id).read_bytes() == jpeg
        assert after.source_file(image_id).read_bytes() == samples.png()
        # (input_service erases an upload that comes back, by the times of its note and the end)
        after.inbox.tidy()
        for left in after.inbox.ids():
            assert after.inbox.entry(left).received_at <= after.state(left).updated_at


def test_a_deleted_image_does_not_come_back(rig: Rig, disk: Disk, tmp_path: Path) -> None:
    # Given a stored image, with every step noted that deletes it
    image_id = rig.stored()
    with disk.recording():
        assert rig.settler.delete(image_id)
        disk.tell("deleted")

    # When the power goes, at any moment, and comes back
    for outcome, after in _after_each(disk, tmp_path):
        _settle(after)

        # Then nothing of it is there any more, or all of it
        if after.state(image_id).status is Status.DELETED:
            assert after.traces(image_id) == []
        else:
            assert "deleted" not in outcome.told
            assert len(after.traces(image_id)) == 3


def _after_each(disk: Disk, tmp_path: Path) -> Iterator[tuple[Outcome, Rig]]:
    count = 0
    for count, outcome in enumerate(disk.outcomes(), 1):
        root = tmp_path.with_name(f"{tmp_path.name}-{count}")
        outcome.restore(root)
        with _opened(root) as after:
            yield outcome, after
    assert count > 5


@contextmanager
def _opened(root: Path) -> Iterator[Rig]:
    engine = open_index(root / INDEX)
    try:
        yield rig_on(engine, root)
    finally:
        engine.dispose()


def _go_on(rig: Rig, image_id: str) -> None:
    """What reconciler, recovery and stages do about an image of which the ledger knows less."""
    with suppress(ImageNotFoundError):
        entry = rig.inbox.entry(image_id)
        rig.ledger.register(image_id, entry.image, entry.received_at)
    if not rig.state(image_id).status.is_final:
        rig.analyse(image_id)
    rig.store(image_id)


def _settle(rig: Rig) -> None:
    """What the service does at its start and every few seconds."""
    SettlingLoop(rig.settler, rig.queries, 10, Lead(rig.ledger.engine)).settle_all()


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")
