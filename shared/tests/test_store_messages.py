from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepipe.domain.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    DetectedFace,
    Doubt,
    Gender,
    ImageInfo,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
    Part,
    PartError,
)
from facepipe.domain.face_fields import conditions_of
from facepipe.domain.status import Status
from facepipe.ledger import messages, summary_messages
from facepipe.ledger.states import ImageState, ListQuery, StageRun, Stats
from facepipe.stages import StageName
from facepipe.v1 import face_store_pb2 as pb

ID = "ab" * 32
NOW = datetime(2026, 3, 4, 5, 6, 7, 123000, tzinfo=UTC)
RUN = StageRun(ID, 3, StageName.AGEGENDER, 2, "host-1", NOW, NOW + timedelta(seconds=1))
LANDMARKS = LandmarksPart(
    faces=[
        DetectedFace(
            box=Box(x1=1, y1=2, x2=30, y2=40),
            confidence=0.5,
            landmarks=[LandmarkPoint(x=1.5, y=2.25), LandmarkPoint(x=-3.5, y=4)],
        ),
        DetectedFace(
            box=Box(x1=5, y1=6, x2=7, y2=8),
            confidence=0.25,
            landmarks_error=PartError(code="no_landmarks", message="too small"),
        ),
    ],
    detector=ModelInfo(name="yolo", sha256="d" * 64),
    landmarker=ModelInfo(name="mesh", sha256="e" * 64),
)
AGEGENDER = AgeGenderPart(
    faces=[
        AgeGender(
            age=0, gender=Gender.FEMALE, age_low=0, age_high=2, gender_confidence=0.75,
            reliable=True,
        ),
        AgeGender(reasons=[Doubt.SWITCHED_OFF]),
    ],
    model=ModelInfo(name="compact"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "part"), [(StageName.LANDMARK, LANDMARKS), (StageName.AGEGENDER, AGEGENDER)]
)
def test_a_part_survives_the_wire(stage: StageName, part: Part) -> None:
    """Age zero is an age, and no age is none."""
    assert messages.part_of(stage, messages.part_document(part)) == part


def test_what_is_no_part_of_the_stage_is_refused() -> None:
    for stage, document in (
        (StageName.AGEGENDER, messages.part_document(LANDMARKS)),
        (StageName.STORAGE, messages.part_document(LANDMARKS)),
        (StageName.LANDMARK, b"{"),
    ):
        with pytest.raises(ValueError, match=r"."):
            messages.part_of(stage, document)


def test_a_state_survives_the_wire() -> None:
    state = ImageState(
        image_id=ID,
        generation=3,
        status=Status.PARTIAL,
        image=ImageInfo(
            width=3, height=2, format="PNG", orientation_applied=6, sha256=ID, file_name="ü.png",
            size_bytes=9,
        ),
        received_at=NOW,
        updated_at=NOW,
        error=PartError(code="timeout", message="late"),
        num_faces=0,
        timeline=(RUN,),
        parts={StageName.LANDMARK: LANDMARKS, StageName.AGEGENDER: AGEGENDER},
        traceparent="00-1-2-01",
    )  # fmt: skip

    wire = pb.Analysis.FromString(messages.state_to_pb(state).SerializeToString())

    assert messages.state_from_pb(wire) == state


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_number(status: Status) -> None:
    assert messages.status_from_pb(messages.status_to_pb(status)) is status


def test_the_run_of_a_failure_carries_its_error() -> None:
    request = messages.part_request(RUN)
    request.failure.CopyFrom(pb.PartError(code="worker_died", message="killed"))

    run = messages.run_of_part(request)

    assert run.error == PartError(code="worker_died", message="killed")
    assert (run.stage, run.attempt, run.started_at) == (RUN.stage, RUN.attempt, RUN.started_at)


def test_a_query_survives_the_wire_with_zero_and_none_apart() -> None:
    query = ListQuery(
        statuses=(Status.STORED, Status.FAILED), received_after=NOW, min_faces=0,
        faces=conditions_of({"max_age": 30, "min_confidence": 0, "gender": Gender.MALE}),
        limit=7, cursor="c",
    )  # fmt: skip

    assert messages.query_from_pb(messages.query_to_pb(query)) == query


def test_stats_survive_the_wire() -> None:
    stats = Stats({Status.STORED: 3, Status.FAILED: 1}, 4, 5, {Gender.UNKNOWN: 5}, 2)

    assert summary_messages.stats_from_pb(summary_messages.stats_to_pb(stats)) == stats


def test_an_empty_box_is_refused() -> None:
    document = messages.part_document(LANDMARKS).replace(b'"x2":30', b'"x2":1')

    with pytest.raises(ValueError, match="the box is empty"):
        messages.part_of(StageName.LANDMARK, document)
