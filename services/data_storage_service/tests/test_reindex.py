from __future__ import annotations

from pathlib import Path

import pytest

from data_storage_service.correcting import Corrector
from data_storage_service.database import is_shared, open_index
from data_storage_service.queries import Queries
from data_storage_service.reindex import Rebuilt, reindex, reindex_server
from data_storage_service.schema import Base
from facepipe.domain.analysis import Correction, CorrectionKind
from facepipe.domain.face_fields import conditions_of
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle
from facepipe.ledger.states import ListQuery
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


def index_of(rig: Rig) -> Path:
    return rig.root / "saved_data" / ".index" / "index.sqlite3"


def rebuilt(rig: Rig) -> Rebuilt:
    if is_shared(rig.ledger.engine):
        return reindex_server(rig.ledger.engine, index_of(rig).parent, rig.files)
    return reindex(index_of(rig), rig.files)


def lose(rig: Rig) -> None:
    """The ledger is gone: the file, or what stands in the tables."""
    if not is_shared(rig.ledger.engine):
        for file in index_of(rig).parent.iterdir():
            file.unlink()
        return
    with rig.ledger.engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "counters":
                connection.execute(table.delete())


def test_a_lost_index_is_built_from_the_files(rig: Rig) -> None:
    # given two results, and no index any more
    first = rig.stored(1)
    second = rig.stored(2, faces=2)
    before = rig.queries.page(ListQuery()).images
    lose(rig)

    # when it is built anew
    outcome = rebuilt(rig)

    # then the running service finds them again by what stands in the files
    assert outcome.results == 2
    page = rig.queries.page(
        ListQuery(faces=conditions_of({"gender": "female", "min_age": 28, "max_age": 28}))
    )
    assert {state.image_id for state in page.images} == {first, second}
    assert {(s.image_id, s.status, s.num_faces, s.image) for s in page.images} == {
        (s.image_id, s.status, s.num_faces, s.image) for s in before
    }
    assert rig.queries.stats().faces == 3


def test_what_people_said_is_in_the_files_too(rig: Rig) -> None:
    # given a corrected result, and no index any more
    image_id = rig.stored(1)
    said = Correction(
        number=0,
        kind=CorrectionKind.TRUTH,
        box=samples.landmarks().faces[0].box,
        age=41,
        made_at=samples.START,
    )
    made = Corrector(rig.ledger, rig.files, rig.sources, AnnotationStyle()).add(image_id, said)
    lose(rig)

    # when it is built anew
    rebuilt(rig)

    # then the correction is in it, and counts
    assert rig.state(image_id).corrections == (made,)
    assert rig.queries.stats().accuracy.age_error_years == 13


def test_what_no_file_tells_is_kept(rig: Rig) -> None:
    # given an index with a result, a tombstone, a failure and an image in flight
    stored = rig.stored(1)
    flying = rig.accept(2)
    rig.ledger.save_part(samples.run(flying, StageName.LANDMARK), samples.landmarks())
    deleted = rig.accept(3)
    rig.ledger.delete(deleted)
    failed = rig.accept(4)
    rig.ledger.save_failure(samples.run(failed, StageName.LANDMARK), samples.ERROR)
    before = {i: rig.queries.joined(i).state for i in (flying, deleted, failed)}
    revision = rig.queries.revision()

    # when it is built anew
    outcome = rebuilt(rig)

    # then all are there, the unfinished one with its part, and watchers see the result anew
    assert (outcome.results, outcome.kept, outcome.lost) == (1, 3, 0)
    assert {i: rig.queries.joined(i).state for i in before} == before
    state = rig.state(stored)
    assert (state.status, state.received_at) == (Status.STORED, samples.START)
    assert rig.queries.changed(revision)[0][0].image_id == stored
    assert rig.queries.stats().faces == 1
    rig.ledger.save_part(samples.run(flying, StageName.AGEGENDER), samples.agegender())
    assert rig.due(flying)[-1] == "storage"


def test_an_image_that_runs_again_is_not_set_back(rig: Rig) -> None:
    image_id = rig.stored(1)
    rig.ledger.register(image_id, samples.info(image_id), samples.START, new_generation=True)

    rebuilt(rig)

    assert rig.state(image_id).status is Status.RECEIVED
    assert rig.state(image_id).generation == 2


def test_a_result_that_vanished_is_said_to_be_lost(rig: Rig) -> None:
    image_id = rig.stored(1)
    rig.document_file(image_id).unlink()

    outcome = rebuilt(rig)

    assert outcome.lost == 1
    state = rig.state(image_id)
    assert state.status is Status.FAILED
    assert state.error is not None
    assert state.error.code == "result_lost"
    assert rig.queries.stats().faces == 0


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_unreadable_index_is_moved_aside(rig: Rig) -> None:
    # given an index that is no database any more
    image_id = rig.stored(1)
    for file in index_of(rig).parent.iterdir():
        file.unlink()
    index_of(rig).write_bytes(b"this is not a database" * 1000)

    # when it is built anew
    outcome = rebuilt(rig)

    # then the new one is in place, and the old one beside it
    assert not outcome.was_readable
    engine = open_index(index_of(rig))
    assert Queries(engine).get(image_id).status is Status.STORED
    engine.dispose()
    assert list(index_of(rig).parent.glob("unreadable-*.sqlite3"))


def test_files_that_are_no_results_are_left_alone(rig: Rig) -> None:
    saved_data = rig.root / "saved_data"
    (saved_data / f"{samples.image_id_of(7)}.json").write_text("{}")
    (saved_data / "notes.json").write_text("{}")

    assert rebuilt(rig).results == 0
    assert (saved_data / "notes.json").exists()
