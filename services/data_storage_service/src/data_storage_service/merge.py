"""Joins the parts of an analysis into the result document: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from data_storage_service.queries import JoinedParts
from facepipe.analysis import (
    AgeGender,
    AgeGenderPart,
    AnalysisDocument,
    DetectedFace,
    Doubt,
    Face,
    LandmarksPart,
    ModelInfo,
    Models,
    PartError,
    Status,
)
from facepipe.ledger import ImageState, StageRun

_NO_ESTIMATE = PartError(code="stage_failed", message="the age and gender stage gave no answer")


def merge(parts: JoinedParts) -> AnalysisDocument:
    """The result document of an image whose parts are complete.

    A face of which no age and gender could be had stays a face, says why, and makes the
    result *partial*. `timestamp` is the moment when the last part came, so that merging again
    gives the same document.

    Raises:
        ValueError: there are no landmarks, which a complete image always has.
    """
    state = parts.state
    if state.landmarks is None:
        raise ValueError(f"{state.image_id} has no landmarks part")
    error = _agegender_error(state.landmarks, state.agegender, parts.agegender_error)
    return AnalysisDocument(
        timestamp=parts.completed_at,
        image_path=f"saved_data/{state.image_id}.jpg",
        redis_key=f"image:{state.image_id}",
        num_faces=len(state.landmarks.faces),
        faces=_faces(state.landmarks, state.agegender, error),
        status=Status.PARTIAL if error else Status.STORED,
        error=error,
        generation=state.generation,
        image=state.image,
        models=Models(
            detector=state.landmarks.detector,
            landmarks=state.landmarks.landmarker if state.landmarks.landmarker.name else None,
            agegender=state.agegender.model if state.agegender and not error else None,
        ),
        timings_ms=timings(state),
    )


def timings(state: ImageState) -> dict[str, float]:
    """How long the steps took, of the last run of each; `queued` is the wait for the first."""
    collected: dict[str, float] = {}
    for run in _successful(state.timeline):
        collected.update({key: value for key, value in run.timings_ms.items() if key != "queued"})
    if state.timeline:
        waited = state.timeline[0].started_at - state.received_at
        collected["queued"] = max(0.0, waited.total_seconds() * 1000)
    return {key: round(value, 1) for key, value in collected.items()}


def _successful(timeline: Iterable[StageRun]) -> list[StageRun]:
    return [run for run in timeline if run.error is None]


def _agegender_error(
    landmarks: LandmarksPart, agegender: AgeGenderPart | None, error: PartError | None
) -> PartError | None:
    if not landmarks.faces:
        return None
    if agegender is None:
        return error or _NO_ESTIMATE
    if len(agegender.faces) != len(landmarks.faces):
        message = f"{len(agegender.faces)} estimates came for {len(landmarks.faces)} faces"
        return PartError(code="part_mismatch", message=message)
    return None


def _faces(
    landmarks: LandmarksPart, agegender: AgeGenderPart | None, error: PartError | None
) -> list[Face]:
    missing = AgeGender(reasons=[Doubt.STAGE_FAILED])
    if agegender is None or error is not None:
        estimates = [missing] * len(landmarks.faces)
    else:
        estimates = list(agegender.faces)
    pairs = sorted(zip(landmarks.faces, estimates, strict=True), key=lambda pair: -_area(pair[0]))
    return [
        Face(
            face_index=index,
            box=face.box,
            confidence=round(face.confidence, 4),
            landmarks=face.landmarks,
            landmarks_error=face.landmarks_error,
            agegender=_rounded(estimate),
            agegender_error=error,
        )
        for index, (face, estimate) in enumerate(pairs)
    ]


def _rounded(estimate: AgeGender) -> AgeGender:
    """Without the digits that a 32-bit number has and nobody measured."""
    if estimate.gender_confidence is None:
        return estimate
    confidence = round(estimate.gender_confidence, 4)
    return estimate.model_copy(update={"gender_confidence": confidence})


def _area(face: DetectedFace) -> int:
    return face.box.to_bounding_box().area


def parts_of(state: ImageState, document: AnalysisDocument) -> ImageState:
    """The state of a stored image with its parts, taken from the result."""
    models, nothing = document.models, ModelInfo(name="")
    landmarks = LandmarksPart(
        faces=[
            DetectedFace(
                box=face.box,
                confidence=face.confidence,
                landmarks=face.landmarks,
                landmarks_error=face.landmarks_error,
            )
            for face in document.faces
        ],
        detector=models.detector or nothing,
        landmarker=models.landmarks or nothing,
    )
    agegender = None
    if models.agegender is not None:
        estimates = [face.agegender for face in document.faces]
        agegender = AgeGenderPart(faces=estimates, model=models.agegender)
    return replace(state, landmarks=landmarks, agegender=agegender)
