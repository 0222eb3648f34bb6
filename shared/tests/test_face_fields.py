from __future__ import annotations

import pytest

from facepipe.domain.analysis import (
    AgeGender,
    Box,
    Doubt,
    Face,
    Gender,
    HeadPose,
    LandmarkPoint,
    Truth,
)
from facepipe.domain.face_fields import (
    FACE_FIELD,
    FACE_FIELDS,
    FaceCondition,
    FieldValue,
    conditions_of,
    filter_names,
)

FACE = Face(
    face_index=0,
    box=Box(x1=1, y1=2, x2=31, y2=42),
    confidence=0.5,
    landmarks=[LandmarkPoint(x=3, y=4)],
    pose=HeadPose(yaw=-30, pitch=0, roll=12.5),
    agegender=AgeGender(
        age=0,
        gender=Gender.FEMALE,
        age_low=0,
        age_high=3,
        gender_confidence=0.75,
        reasons=[Doubt.BLURRED, Doubt.SMALL_FACE],
    ),
    truth=Truth(age=2, gender=Gender.MALE),
)
VALUES: dict[str, FieldValue | None] = {
    "x1": 1, "y1": 2, "x2": 31, "y2": 42, "confidence": 0.5, "has_landmarks": True,
    "yaw": -30.0, "pitch": 0.0, "roll": 12.5, "age": 0,
    "age_low": 0, "age_high": 3, "gender": "female", "gender_confidence": 0.75,
    "reliable": False, "age_reliable": False, "gender_reliable": False, "quality": None,
    "reasons": "blurred small_face", "drawn": False, "is_face": True, "true_age": 2,
    "true_gender": "male",
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in FACE_FIELDS])
def test_a_field_is_read_off_a_face_and_off_its_json_alike(name: str) -> None:
    field = FACE_FIELD[name]

    assert field.of(FACE) == field.of(FACE.model_dump(mode="json")) == VALUES[name]


def test_what_an_older_result_lacks_is_unknown() -> None:
    assert FACE_FIELD["age"].of({"box": {"x1": 1}}) is None
    assert FACE_FIELD["reasons"].of({"agegender": {}}) is None
    assert FACE_FIELD["has_landmarks"].of({}) is False


def test_filters_are_named_after_the_fields() -> None:
    names = [name for name, _ in filter_names()]

    assert names == [
        "min_confidence", "max_confidence", "min_yaw", "max_yaw", "min_pitch", "max_pitch",
        "min_roll", "max_roll", "min_age", "max_age", "gender",
        "min_gender_confidence", "max_gender_confidence",
        "reliable", "age_reliable", "gender_reliable", "min_quality", "max_quality",
        "drawn", "is_face", "min_true_age", "max_true_age", "true_gender",
    ]  # fmt: skip


def test_filters_become_one_condition_a_field() -> None:
    wishes = {"min_age": 0, "max_age": 9, "gender": Gender.MALE, "max_confidence": None, "limit": 5}

    assert conditions_of(wishes) == (
        FaceCondition("age", 0, 9),
        FaceCondition("gender", any_of=("male",)),
    )
    assert conditions_of({"reliable": True}) == (FaceCondition("reliable", any_of=("true",)),)
