from __future__ import annotations

import errno
import os

import pytest

from facepipe.domain.errors import FilesUnavailableError
from facepipe.domain.status import Status
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


def test_a_failed_image_keeps_its_upload_for_a_retry(rig: Rig) -> None:
    image_id = rig.accept()
    rig.ledger.save_failure(samples.run(image_id, StageName.LANDMARK), samples.ERROR)

    rig.settler.settle(image_id)

    assert rig.traces(image_id) == [f"saved_data/source/{image_id}"]
    assert rig.source_file(image_id).read_bytes() == samples.png()
    assert rig.images.discarded == [image_id]


def test_a_failed_rerun_leaves_no_result_of_before(rig: Rig) -> None:
    image_id = rig.stored()
    rig.ledger.register(image_id, samples.info(image_id), samples.START, new_generation=True)
    run = samples.run(image_id, StageName.LANDMARK, generation=2)
    rig.ledger.save_failure(run, samples.ERROR)

    rig.settler.settle(image_id)

    assert rig.traces(image_id) == [f"saved_data/source/{image_id}"]


def test_an_upload_that_could_not_be_kept_stays_in_the_inbox(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = rig.accept()
    rig.ledger.save_failure(samples.run(image_id, StageName.STORAGE), samples.ERROR)

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(rig.files, "keep_source", full)
        with pytest.raises(OSError, match="No space"):
            rig.settler.settle(image_id)
    assert image_id in rig.inbox
    assert rig.queries.unsettled() == [image_id]

    rig.settler.settle(image_id)
    assert image_id not in rig.inbox


def test_an_upload_that_was_looked_for_in_vain_is_not_erased(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a store that says of an upload that it is not there, although it is
    image_id = rig.accept()
    rig.ledger.save_failure(samples.run(image_id, StageName.STORAGE), samples.ERROR)

    with monkeypatch.context() as patch:
        patch.setattr(rig.files, "keep_source", lambda *_: False)
        with pytest.raises(FilesUnavailableError):
            rig.settler.settle(image_id)

    # then it stays where it is, and is settled the next time
    assert image_id in rig.inbox
    assert rig.queries.unsettled() == [image_id]
    rig.settler.settle(image_id)
    assert rig.traces(image_id) == [f"saved_data/source/{image_id}"]


def test_nothing_of_a_deleted_image_is_left(rig: Rig) -> None:
    image_id = rig.stored()
    rig.inbox.add(image_id, samples.png(), samples.entry(image_id))
    rig.ledger.delete(image_id)

    assert rig.settler.settle(image_id) is Status.DELETED

    assert rig.traces(image_id) == []
    assert rig.settler.settle(image_id) is None


def test_an_upload_that_came_later_stays(rig: Rig) -> None:
    # given an image that failed, whose upload is just being sent again
    image_id = rig.accept()
    rig.ledger.save_failure(samples.run(image_id, StageName.LANDMARK), samples.ERROR)
    later = rig.state(image_id).updated_at
    rig.inbox.add(image_id, samples.png(), samples.entry(image_id, later))

    # when the failure is settled
    rig.settler.settle(image_id)

    # then it is still there for the run to come
    assert image_id in rig.inbox


def test_uploads_are_not_kept_when_told_so(rig: Rig) -> None:
    rig.settler._keep_source = False

    image_id = rig.stored()

    assert not rig.source_file(image_id).exists()
    assert image_id not in rig.inbox


def test_an_upload_on_another_volume_is_copied(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_volume(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", other_volume)

    image_id = rig.stored()

    assert rig.source_file(image_id).read_bytes() == samples.png()
