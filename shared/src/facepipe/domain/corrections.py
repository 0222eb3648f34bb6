"""What people said of a result, beside what the models found: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facepipe.domain.analysis import (
    AnalysisDocument,
    Box,
    Correction,
    CorrectionKind,
    Face,
    Truth,
)
from facepipe.domain.geometry import BoundingBox

# From this overlap on, a box that a person meant and one that a detector found are one face.
SAME_FACE_IOU = 0.5


def corrected(document: AnalysisDocument, corrections: Sequence[Correction]) -> AnalysisDocument:
    """The result with its corrections: the truth beside each face that one was meant for.

    What the models found stays as it is. A correction whose face was not found this time
    changes no face.
    """
    faces = [face.model_copy(update={"truth": None}) for face in document.faces]
    for one in sorted(corrections, key=lambda correction: correction.number):
        at = face_at(one.box, [face.box for face in faces])
        if at is not None:
            faces[at] = faces[at].model_copy(update={"truth": _truth(faces[at].truth, one)})
    update = {
        "faces": faces,
        "corrections": list(corrections),
        "corrected": bool(corrections),
    }
    return document.model_copy(update=update)


def face_at(box: Box, faces: Sequence[Box]) -> int | None:
    """Which of the faces a box is meant for; None: none of them."""
    wanted = box.to_bounding_box()
    overlaps = [wanted.iou(face.to_bounding_box()) for face in faces]
    best = max(range(len(faces)), key=overlaps.__getitem__, default=None)
    return best if best is not None and overlaps[best] >= SAME_FACE_IOU else None


def missed_faces(corrections: Iterable[Correction]) -> list[BoundingBox]:
    """The boxes that people drew around faces that were missed."""
    return [
        one.box.to_bounding_box() for one in corrections if one.kind is CorrectionKind.MISSED_FACE
    ]


def without_rejected(faces: Iterable[Face]) -> list[Face]:
    """The faces of which nobody said that they are none."""
    return [face for face in faces if face.truth is None or face.truth.is_face]


def _truth(known: Truth | None, said: Correction) -> Truth:
    """The later word counts; what it leaves open stays as it was."""
    before = known or Truth()
    numbers = (*before.corrections, said.number)
    if said.kind is CorrectionKind.NOT_A_FACE:
        return Truth(is_face=False, corrections=numbers)
    return Truth(
        age=before.age if said.age is None else said.age,
        gender=before.gender if said.gender is None else said.gender,
        corrections=numbers,
    )
