from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data_storage_service.merge import merge, timings
from data_storage_service.queries import JoinedParts
from facepipe.domain.analysis import AgeGenderPart, Box, Doubt, Gender, LandmarksPart, PartError
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState
from facepipe.stages import StageName
from tests.support import store_samples as samples

ID = samples.image_id_of(1)


def joined(
    landmarks: LandmarksPart | None,
    agegender: AgeGenderPart | None = None,
    error: PartError | None = None,
) -> JoinedParts:
    state = ImageState(
        image_id=ID,
        generation=2,
        status=Status.STORING,
        image=samples.info(ID),
        received_at=samples.START,
        updated_at=samples.START,
        timeline=(
            samples.run(ID, StageName.LANDMARK, generation=2, detect=41.04, queued=7.0),
            samples.run(ID, StageName.AGEGENDER, generation=2, agegender=12.0),
        ),
        parts={
            stage: part
            for stage, part in zip(
                (StageName.LANDMARK, StageName.AGEGENDER), (landmarks, agegender), strict=True
            )
            if part is not None
        },
    )
    failures = {StageName.AGEGENDER: error} if error else {}
    return JoinedParts(state, failures, samples.START + timedelta(seconds=9))


def test_all_parts_make_a_stored_result() -> None:
    # given landmarks and estimates of one face
    parts = joined(samples.landmarks(1), samples.agegender())

    # when they are merged
    document = merge(parts)

    # then the document says everything, under the published names
    assert document.status is Status.STORED
    assert document.error is None
    assert document.image_path == f"saved_data/{ID}.jpg"
    assert document.redis_key == f"image:{ID}"
    assert document.num_faces == 1
    assert document.faces[0].agegender == samples.estimate()
    assert document.models.agegender is not None
    assert document.timings_ms == {"queued": 1000.0, "detect": 41.0, "agegender": 12.0}
    assert document.generation == 2
    assert document.timestamp == samples.START + timedelta(seconds=9)
    assert merge(parts) == document


def test_faces_are_ordered_by_area_with_their_estimates() -> None:
    # given a larger face in second place
    part = samples.landmarks(2)
    larger = part.faces[1].model_copy(update={"box": Box(x1=0, y1=0, x2=200, y2=200)})
    part = part.model_copy(update={"faces": [part.faces[0], larger]})
    estimates = samples.agegender(samples.estimate(20), samples.estimate(60, Gender.MALE))

    # when merged
    document = merge(joined(part, estimates))

    # then it comes first and keeps its own age
    assert [face.face_index for face in document.faces] == [0, 1]
    assert [face.agegender.age for face in document.faces] == [60, 20]
    assert document.faces[0].box.x2 == 200


def test_no_landmarks_are_made_up_on_a_mask() -> None:
    # given two faces with landmarks, one of them behind a mask
    masked = samples.estimate().model_copy(update={"reasons": [Doubt.MOUTH_COVERED]})

    # when merged
    document = merge(joined(samples.landmarks(2), samples.agegender(samples.estimate(), masked)))

    # then only the other keeps them, and the result is whole
    assert document.status is Status.STORED
    bare, covered = sorted(document.faces, key=lambda face: len(face.agegender.reasons))
    assert bare.landmarks
    assert bare.landmarks_error is None
    assert covered.landmarks == []
    assert covered.landmarks_error is not None
    assert covered.landmarks_error.code == "landmarks_occluded"


def test_without_landmarks_there_is_nothing_to_merge() -> None:
    with pytest.raises(ValueError, match=f"^{ID} has no landmarks part$"):
        merge(joined(None, samples.agegender()))


def test_times_are_of_the_runs_that_succeeded_and_the_wait_is_for_the_first() -> None:
    # Given a run that failed, and a second that did not, three seconds after the upload
    parts = joined(samples.landmarks(1), samples.agegender())
    run = parts.state.timeline[0]
    later = samples.START + timedelta(seconds=3)
    failed = replace(run, error=samples.ERROR, timings_ms={"detect": 9.0}, started_at=later)
    again = replace(run, timings_ms={"detect": 5.26, "queued": 8000.0})

    # Then the failed one left no time, and a step's own wait is not taken for the image's
    state = replace(parts.state, timeline=(failed, again))
    assert timings(state) == {"detect": 5.3, "queued": 3000.0}


def test_a_clock_that_was_set_back_makes_no_negative_wait() -> None:
    parts = joined(samples.landmarks(1), samples.agegender())
    early = replace(parts.state.timeline[0], started_at=samples.START - timedelta(seconds=1))

    assert timings(replace(parts.state, timeline=(early,)))["queued"] == 0
    assert timings(replace(parts.state, timeline=())) == {}


@pytest.mark.parametrize("error", [samples.ERROR, None])
def test_without_estimates_the_result_is_partial(error: PartError | None) -> None:
    document = merge(joined(samples.landmarks(2), None, error))

    assert document.status is Status.PARTIAL
    assert document.error == error or (
        document.error is not None
        and document.error.code == "stage_failed"
        and document.error.message == "the stage agegender gave no answer"
    )
    assert document.models.agegender is None
    for face in document.faces:
        assert face.agegender.age is None
        assert face.agegender.gender is Gender.UNKNOWN
        assert face.agegender.reasons == [Doubt.STAGE_FAILED]
        assert face.agegender_error == document.error


def test_estimates_that_do_not_fit_the_faces_are_not_guessed_at() -> None:
    document = merge(joined(samples.landmarks(2), samples.agegender()))

    assert document.status is Status.PARTIAL
    assert document.error is not None
    assert document.error.code == "part_mismatch"
    assert document.error.message == "1 answers of agegender for 2 faces"
    assert [face.agegender.age for face in document.faces] == [None, None]


def test_no_face_is_a_result() -> None:
    document = merge(joined(samples.landmarks(0)))

    assert (document.status, document.num_faces, document.faces) == (Status.STORED, 0, [])
