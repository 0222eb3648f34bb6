"""Rows from the index say what the documents say."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine

from data_storage_service import row_stream
from data_storage_service.row_stream import RowStream
from facepipe.domain.face_fields import FaceCondition
from facepipe.domain.result_rows import COLUMNS, Rows, rows_of
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples

RESULTS = ListQuery(statuses=(Status.STORED, Status.PARTIAL))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_stream, "_IMAGES_AT_ONCE", 2)


def rows(rig: Rig, engine: Engine, query: ListQuery = RESULTS) -> Rows:
    stream = RowStream(engine, rig.files)
    return [row for batch in stream.batches(query) for row in batch]


def documents_rows(rig: Rig, ids: list[str]) -> Rows:
    return [row for image_id in ids for row in rows_of(rig.files.read_document(image_id))]


def test_the_rows_are_those_of_the_documents_the_newest_first(rig: Rig, engine: Engine) -> None:
    # Given results of three images, one of them without a face, and one that is not done
    ids = [rig.stored(number) for number in range(2)]
    empty = rig.stored(2, faces=0)
    rig.accept(3)

    # Then each face has its row, and so has the image without one
    found = rows(rig, engine)
    newest_first = [state.image_id for state in rig.queries.page(RESULTS).images]
    assert set(newest_first) == {*ids, empty}
    assert found == documents_rows(rig, newest_first)
    assert all(len(row) == len(COLUMNS) for row in found)


def test_a_query_chooses_images(rig: Rig, engine: Engine) -> None:
    rig.stored(0)
    age = samples.estimate().age
    assert age is not None

    for low, expected in ((age, 1), (age + 1, 0)):
        chosen = ListQuery(statuses=(Status.STORED,), faces=(FaceCondition("age", low=low),))
        assert len(rows(rig, engine, chosen)) == expected


def test_what_an_older_version_indexed_is_read_from_its_document(
    rig: Rig, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    # Given two results of an older version, one of which cannot be read
    ids = [rig.stored(number) for number in range(2)]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE images SET faces_version = 1, completed_at = NULL")
        connection.exec_driver_sql("DELETE FROM faces")
    rig.document_file(ids[1]).unlink()

    with caplog.at_level(logging.ERROR):
        found = rows(rig, engine)

    assert found == documents_rows(rig, ids[:1])
    assert "left out of an export" in caplog.text
