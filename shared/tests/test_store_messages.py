from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepipe import part_messages
from facepipe import store_messages as messages
from facepipe.analysis import (
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
    PartError,
    Status,
)
from facepipe.ledger import ImageState, ListQuery, StageName, StageRun, Stats
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


def test_landmarks_survive_the_wire() -> None:
    wire = pb.LandmarksPart.FromString(part_messages.landmarks_to_pb(LANDMARKS).SerializeToString())

    assert part_messages.landmarks_from_pb(wire) == LANDMARKS


def test_age_zero_is_an_age_and_no_age_is_none() -> None:
    wire = pb.AgeGenderPart.FromString(part_messages.agegender_to_pb(AGEGENDER).SerializeToString())

    assert part_messages.agegender_from_pb(wire) == AGEGENDER


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
        landmarks=LANDMARKS,
        agegender=AGEGENDER,
        traceparent="00-1-2-01",
    )  # fmt: skip

    wire = pb.Analysis.FromString(messages.state_to_pb(state).SerializeToString())

    assert messages.state_from_pb(wire) == state


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_number(status: Status) -> None:
    assert messages.status_from_pb(messages.status_to_pb(status)) is status


def test_the_run_of_a_failure_carries_its_error() -> None:
    request = messages.part_request(RUN)
    request.failure.error.CopyFrom(pb.PartError(code="worker_died", message="killed"))

    run = messages.run_of_part(request)

    assert run.error == PartError(code="worker_died", message="killed")
    assert (run.stage, run.attempt, run.started_at) == (RUN.stage, RUN.attempt, RUN.started_at)


def test_a_query_survives_the_wire_with_zero_and_none_apart() -> None:
    query = ListQuery(
        statuses=(Status.STORED, Status.FAILED), received_after=NOW, min_faces=0, max_age=30,
        gender=Gender.MALE, limit=7, cursor="c",
    )  # fmt: skip

    assert messages.query_from_pb(messages.query_to_pb(query)) == query


def test_stats_survive_the_wire() -> None:
    stats = Stats({Status.STORED: 3, Status.FAILED: 1}, 4, 5, {Gender.UNKNOWN: 5}, 2)

    assert messages.stats_from_pb(messages.stats_to_pb(stats)) == stats


def test_an_empty_box_is_refused() -> None:
    part = pb.LandmarksPart(faces=[pb.DetectedFace(box=pb.Box(x1=5, y1=5, x2=5, y2=9))])

    with pytest.raises(ValueError, match="empty box"):
        part_messages.landmarks_from_pb(part)


def test_coordinates_that_do_not_pair_up_are_refused() -> None:
    face = pb.DetectedFace(box=pb.Box(x2=5, y2=9), landmarks=[1, 2, 3])

    with pytest.raises(ValueError, match="zip"):
        part_messages.landmarks_from_pb(pb.LandmarksPart(faces=[face]))
