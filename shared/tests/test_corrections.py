from __future__ import annotations

from datetime import UTC, datetime

import pytest

from facepipe.domain.analysis import (
    AgeGender,
    AnalysisDocument,
    Box,
    Correction,
    CorrectionKind,
    Face,
    Gender,
    ImageInfo,
    Models,
    Truth,
)
from facepipe.domain.corrections import corrected, face_at, without_rejected

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LEFT, RIGHT = Box(x1=0, y1=0, x2=100, y2=100), Box(x1=200, y1=0, x2=280, y2=80)


def document(*boxes: Box) -> AnalysisDocument:
    faces = [
        Face(face_index=n, box=box, confidence=0.9, agegender=AgeGender(age=30))
        for n, box in enumerate(boxes)
    ]
    image = ImageInfo(width=400, height=200, format="PNG", sha256="0" * 64)
    return AnalysisDocument(
        timestamp=NOW, image_path="", redis_key="", num_faces=len(faces), faces=faces,
        image=image, models=Models(),
    )  # fmt: skip


def said(number: int, kind: str, box: Box, age: int | None = None) -> Correction:
    return Correction(number=number, kind=CorrectionKind(kind), box=box, age=age, made_at=NOW)


def test_a_correction_goes_to_the_face_that_it_overlaps_most() -> None:
    shifted = Box(x1=205, y1=3, x2=283, y2=85)

    found = corrected(document(LEFT, RIGHT), [said(4, "truth", shifted, age=9)])

    assert [face.truth for face in found.faces] == [None, Truth(age=9, corrections=(4,))]


def test_one_without_its_face_is_kept_and_changes_none() -> None:
    far = said(4, "not_a_face", Box(x1=300, y1=100, x2=390, y2=190))

    found = corrected(document(LEFT), [far])

    assert found.faces == document(LEFT).faces
    assert (found.corrected, found.corrections) == (True, [far])


@pytest.mark.parametrize(
    ("words", "truth"),
    [
        (["truth", "not_a_face"], Truth(is_face=False, corrections=(1, 2))),
        (["not_a_face", "truth"], Truth(age=9, corrections=(1, 2))),
        (["not_a_face", "missed_face"], Truth(corrections=(1, 2))),
    ],
)
def test_the_later_word_counts(words: list[str], truth: Truth) -> None:
    every = [said(n, word, LEFT, 9 if word == "truth" else None) for n, word in enumerate(words, 1)]

    assert corrected(document(LEFT), every[::-1]).faces[0].truth == truth


def test_without_corrections_all_is_as_it_was() -> None:
    before = document(LEFT, RIGHT)
    after = corrected(before, [said(1, "not_a_face", LEFT)])

    assert [face.box for face in without_rejected(after.faces)] == [RIGHT]
    assert corrected(after, []) == before


def test_of_no_face_none_is_meant() -> None:
    assert face_at(LEFT, []) is None


def test_a_true_gender_is_one_that_is_known() -> None:
    with pytest.raises(ValueError, match="gender"):
        Correction.model_validate({**said(1, "truth", LEFT).model_dump(), "gender": Gender.UNKNOWN})
