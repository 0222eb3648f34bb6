"""What an analysis found otherwise than the one before."""

from __future__ import annotations

from data_storage_service.changes import KnownFace, difference
from facepipe.domain.geometry import BoundingBox
from facepipe.ledger.states import Difference


def _face(x: int, age: int | None = 30, gender: str = "female") -> KnownFace:
    return KnownFace(BoundingBox(x, 0, x + 100, 100), age, gender)


def test_the_same_faces_make_no_difference() -> None:
    faces = [_face(0), _face(300)]

    assert difference(faces, list(reversed(faces))) == Difference(faces_before=2, faces_after=2)


def test_faces_are_gained_and_lost_and_their_ages_and_genders_compared() -> None:
    # Given one that stays, grows older and changes; one that goes; one whose age is not known
    before = [_face(0), _face(300), _face(600, age=None)]

    after = [_face(10, 37, "male"), _face(600, 40), _face(900), _face(1200)]

    assert difference(before, after) == Difference(
        faces_before=3, faces_after=4, faces_gained=2, faces_lost=1,
        ages_moved=1, years_moved=7, genders_changed=1,
    )  # fmt: skip


def test_a_face_is_paired_once_with_the_one_that_is_nearest() -> None:
    assert difference([_face(0, 20)], [_face(20, 90), _face(2, 20)]) == Difference(
        faces_before=1, faces_after=2, faces_gained=1
    )
