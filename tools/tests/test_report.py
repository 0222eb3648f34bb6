from __future__ import annotations

from facepipe_client import AgeGender, Box, Doubt, Face, Gender, LandmarkPoint, PartError
from tools.stack.report import describe_face

BOX = Box(x1=102, y1=88, x2=240, y2=262)
MESH = [LandmarkPoint(x=1, y=2)] * 478


def test_a_face_that_is_sure() -> None:
    estimate = AgeGender(
        age=28,
        gender=Gender.FEMALE,
        age_low=23,
        age_high=34,
        gender_confidence=0.974,
        reliable=True,
    )

    assert describe_face(_face(estimate)) == (
        "face 0: female 28 (23-34), 97 % sure, 478 landmarks, box 138 x 174 at (102, 88)"
    )


def test_doubts_are_said_in_words() -> None:
    estimate = AgeGender(
        age=8, gender=Gender.UNKNOWN, reasons=[Doubt.SMALL_FACE, Doubt.UNCERTAIN_GENDER]
    )

    line = describe_face(_face(estimate))

    assert line.startswith("face 0: gender unknown 8, 478 landmarks")
    assert line.endswith("not to be relied on: the face is small, the gender is uncertain")


def test_where_age_and_gender_are_switched_off_nothing_is_invented() -> None:
    estimate = AgeGender(reasons=[Doubt.SWITCHED_OFF])

    assert describe_face(_face(estimate)).startswith(
        "face 0: age and gender unknown (age and gender are switched off), "
    )


def test_a_face_without_landmarks_says_why() -> None:
    face = Face(
        face_index=2,
        box=BOX,
        confidence=0.5,
        landmarks=[],
        landmarks_error=PartError(code="not_found", message="the mesh did not fit"),
        agegender=AgeGender(reasons=[Doubt.NO_LANDMARKS]),
    )

    assert "face 2: " in describe_face(face)
    assert "no landmarks (the mesh did not fit)" in describe_face(face)


def _face(estimate: AgeGender) -> Face:
    return Face(face_index=0, box=BOX, confidence=0.9, landmarks=MESH, agegender=estimate)
