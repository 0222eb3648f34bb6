from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.database import SCHEMA_VERSION, open_index
from data_storage_service.face_index import FaceIndexing
from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from facepipe.domain.errors import LedgerTooNewError
from facepipe.domain.face_fields import conditions_of
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery
from services.data_storage_service.tests.rig import Rig

# The tables of version 0, as far as they differ.
_VERSION_0 = """
DROP TABLE faces;
CREATE TABLE faces (
  image_id VARCHAR NOT NULL REFERENCES images (image_id) ON DELETE CASCADE,
  face_index INTEGER NOT NULL, age INTEGER, gender VARCHAR NOT NULL, confidence FLOAT NOT NULL,
  PRIMARY KEY (image_id, face_index)
);
DROP TABLE stage_parts; DROP TABLE jobs; DROP TABLE ledger_version;
CREATE TABLE parts (
  image_id VARCHAR NOT NULL REFERENCES images (image_id), kind VARCHAR NOT NULL,
  saved_at BIGINT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (image_id, kind)
);
ALTER TABLE images DROP COLUMN is_urgent;
DROP INDEX images_changed;
ALTER TABLE images DROP COLUMN completed_at;
ALTER TABLE images DROP COLUMN faces_version;
PRAGMA user_version = 0;
"""


def index_of(rig: Rig) -> Path:
    return rig.root / "saved_data" / ".index" / "index.sqlite3"


def set_back(rig: Rig, engine: Engine) -> None:
    engine.dispose()
    with sqlite3.connect(index_of(rig)) as db:
        db.executescript(_VERSION_0)
        db.executescript("".join(_FACES_0.format(image_id=i) for i in rig.files.ids()))


def face_indexes(rig: Rig) -> set[str]:
    with sqlite3.connect(index_of(rig)) as db:
        made = "SELECT name FROM sqlite_master WHERE tbl_name = 'faces' AND type = 'index'"
        return {name for (name,) in db.execute(f"{made} AND sql NOT NULL")}


_FACES_0 = "INSERT INTO faces VALUES ('{image_id}', 0, 28, 'female', 0.875);"


def test_an_older_ledger_is_upgraded_in_place(rig: Rig, engine: Engine) -> None:
    # given a ledger of version 0 with a result and an image in flight
    stored, flying = rig.stored(1), rig.accept(2)
    set_back(rig, engine)

    # when it is opened
    upgraded = open_index(index_of(rig))
    ledger, queries = Ledger(upgraded), Queries(upgraded)

    # then everything is there, and what was in flight is known to wait for no job
    assert queries.get(stored).status is Status.STORED
    assert [job.image_id for job in queries.without_jobs()] == [flying]
    assert ledger.start_over(flying, 1)
    assert [job.generation for job in queries.unsent_jobs(flying)] == [2]

    # and its faces can be searched by the new fields once they are indexed
    assert FaceIndexing(ledger, queries, rig.files)() == 1
    query = ListQuery(faces=conditions_of({"min_age": 28, "max_age": 28}))
    assert [state.image_id for state in queries.page(query).images] == [stored]
    with sqlite3.connect(index_of(rig)) as db:
        assert db.execute("SELECT age_low, x1, reliable FROM faces").fetchall() == [(23, 10, 1)]
        found = "SELECT count(*) FROM sqlite_master WHERE name = 'images_changed'"
        assert db.execute(found).fetchone() == (1,)
    upgraded.dispose()


def test_faces_are_indexed_anew_once(rig: Rig, engine: Engine) -> None:
    image_id = rig.stored(1)
    indexing = FaceIndexing(rig.ledger, rig.queries, rig.files)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE images SET faces_version = 1")
    rig.document_file(image_id).unlink()
    second = rig.stored(2)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE images SET faces_version = 1")

    assert [indexing() for _ in range(3)] == [2, 0, 0]
    assert rig.queries.outdated_faces(9) == [image_id]
    assert rig.state(second).status is Status.STORED


def test_indexes_that_faces_no_longer_have_go(rig: Rig, engine: Engine) -> None:
    # given a ledger with an index of an earlier version, and without one of this
    declared = face_indexes(rig)
    engine.dispose()
    with sqlite3.connect(index_of(rig)) as db:
        db.execute("CREATE INDEX faces_gender_age ON faces (gender, age)")
        db.execute("DROP INDEX faces_of_age")

    # when it is opened
    open_index(index_of(rig)).dispose()

    # then it has those that are declared
    assert "faces_of_age" in declared
    assert face_indexes(rig) == declared


def test_a_newer_ledger_is_refused_and_left_alone(rig: Rig, engine: Engine) -> None:
    # given a ledger that a newer program wrote
    rig.accept(1)
    engine.dispose()
    with sqlite3.connect(index_of(rig)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        db.execute("CREATE TABLE of_the_future (x)")

    # when it is opened
    with pytest.raises(LedgerTooNewError, match="newer version"):
        open_index(index_of(rig))

    # then it is as it was
    with sqlite3.connect(index_of(rig)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert db.execute("SELECT count(*) FROM images").fetchone() == (1,)
