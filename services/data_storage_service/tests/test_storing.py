from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from data_storage_service.correcting import Corrector
from data_storage_service.leading import Lead
from data_storage_service.settling import SettlingLoop
from facepipe.domain.analysis import AnalysisDocument, Correction, CorrectionKind
from facepipe.domain.errors import StorageFullError
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


def test_a_result_is_three_files_and_the_inbox_is_empty(rig: Rig) -> None:
    # given an image whose parts are complete
    image_id = rig.accept()
    rig.analyse(image_id)

    # when its result is made
    assert rig.store(image_id)

    # then JPEG, JSON and the upload are there, and nothing else
    assert rig.traces(image_id) == [
        f"saved_data/{image_id}.jpg",
        f"saved_data/{image_id}.json",
        f"saved_data/source/{image_id}",
    ]
    assert rig.source_file(image_id).read_bytes() == samples.png()
    document = rig.files.read_document(image_id)
    assert document.status is Status.STORED
    assert document.timings_ms["store"] > 0
    assert document.timings_ms["detect"] == 41.0
    state = rig.state(image_id)
    assert (state.status, state.num_faces) == (Status.STORED, 1)
    assert [run.stage for run in state.timeline] == ["landmark", "agegender", "storage"]
    assert rig.images.discarded == [image_id]


def test_running_twice_gives_the_same(rig: Rig) -> None:
    image_id = rig.stored()
    before = {name: (rig.root / name).read_bytes() for name in rig.traces(image_id)}
    state = rig.state(image_id)

    assert rig.store(image_id)

    assert before == {name: (rig.root / name).read_bytes() for name in rig.traces(image_id)}
    assert rig.state(image_id) == state


def test_a_crash_before_the_ledger_was_told_is_made_good(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run that died between the document and the ledger
    image_id = rig.accept()
    rig.analyse(image_id)

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rig.ledger, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            rig.store(image_id)
    written = rig.document_file(image_id).read_bytes()
    assert rig.state(image_id).status is Status.STORING
    assert image_id in rig.inbox

    # when the job runs again
    assert rig.store(image_id)

    # then it ends, with the document as it was
    assert rig.state(image_id).status is Status.STORED
    assert rig.document_file(image_id).read_bytes() == written
    assert image_id not in rig.inbox


def test_a_crash_before_settling_is_made_good_by_the_loop(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = rig.accept()
    rig.analyse(image_id)
    with monkeypatch.context() as patch:
        patch.setattr(rig.settler, "settle", lambda _: None)
        rig.store(image_id)
    assert image_id in rig.inbox

    assert SettlingLoop(rig.settler, rig.queries, 10, Lead(rig.ledger.engine)).settle_all() == 1

    assert image_id not in rig.inbox
    assert rig.source_file(image_id).exists()
    assert SettlingLoop(rig.settler, rig.queries, 10, Lead(rig.ledger.engine)).settle_all() == 0


def test_a_job_of_an_older_generation_does_nothing(rig: Rig) -> None:
    image_id = rig.accept()
    rig.analyse(image_id)
    rig.ledger.register(image_id, samples.info(image_id), samples.START, new_generation=True)

    assert not rig.store(image_id, generation=1)

    assert not rig.document_file(image_id).exists()
    assert image_id in rig.inbox


@pytest.mark.parametrize("how", ["deleted", "started over"])
def test_an_image_that_moves_on_meanwhile_leaves_no_orphan(rig: Rig, how: str) -> None:
    # given an image that is deleted, or started over, while its result is drawn
    image_id = rig.accept()
    rig.analyse(image_id)

    def meanwhile() -> None:
        if how == "deleted":
            rig.ledger.delete(image_id)
            rig.settler.settle(image_id)
        else:
            image = samples.info(image_id)
            rig.ledger.register(image_id, image, samples.START, new_generation=True)

    rig.sources.meanwhile = meanwhile

    # when the job ends
    assert not rig.store(image_id)

    # then there is no result
    left = rig.traces(image_id)
    expected = [] if how == "deleted" else [f"inbox/{image_id}", f"inbox/{image_id}.json"]
    assert left == expected


def test_what_people_say_while_a_result_is_drawn_is_in_it(rig: Rig) -> None:
    # given an image of which somebody says that its face is none, while its result is drawn
    image_id = rig.accept()
    rig.analyse(image_id)
    corrector = Corrector(rig.ledger, rig.files, rig.sources, AnnotationStyle())
    said = Correction(
        number=0,
        kind=CorrectionKind.NOT_A_FACE,
        box=samples.landmarks().faces[0].box,
        made_at=samples.START,
    )
    made: list[Correction] = []
    rig.sources.meanwhile = lambda: made.append(corrector.add(image_id, said))

    # when it is stored
    assert rig.store(image_id)

    # then the result tells of it, and so does the ledger
    document = rig.files.read_document(image_id)
    assert document.corrections == made
    assert [face.truth and face.truth.is_face for face in document.faces] == [False]
    assert rig.state(image_id).corrections == tuple(made)


def test_a_deletion_between_the_files_and_the_ledger_leaves_no_orphan(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = rig.accept()
    rig.analyse(image_id)
    write = rig.files.write_document

    def write_and_delete(document: AnalysisDocument) -> None:
        write(document)
        rig.ledger.delete(image_id)
        rig.settler.settle(image_id)
        write(document)  # as if it had come a moment later

    monkeypatch.setattr(rig.files, "write_document", write_and_delete)

    assert not rig.store(image_id)
    assert rig.traces(image_id) == []


def test_without_estimates_the_result_is_partial(rig: Rig) -> None:
    image_id = rig.accept()
    rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    rig.ledger.save_failure(samples.run(image_id, StageName.AGEGENDER), samples.ERROR)

    assert rig.store(image_id)

    assert rig.state(image_id).status is Status.PARTIAL
    assert rig.state(image_id).error == samples.ERROR
    assert rig.files.read_document(image_id).error == samples.ERROR


def test_a_full_volume_is_said_so_and_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = rig.accept()
    rig.analyse(image_id)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(rig.files, "write_annotated", full)
        with pytest.raises(StorageFullError):
            rig.store(image_id)
    assert rig.state(image_id).status is Status.STORING

    assert rig.store(image_id)


def test_half_written_files_of_a_crash_are_removed(rig: Rig) -> None:
    old = rig.root / "saved_data" / ".0123-abc.tmp"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    young = Path(rig.root / "saved_data" / "source" / ".4567-def.tmp")
    young.write_bytes(b"x")
    # Left before the clock was set back.
    future = rig.root / "saved_data" / ".89ab-012.tmp"
    future.write_bytes(b"x")
    os.utime(future, (time.time() + 3600, time.time() + 3600))

    assert rig.files.remove_asides() == 2
    assert young.exists()
