"""Joins the parts of an analysis into the result document: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from data_storage_service.queries import JoinedParts
from facepipe.domain.analysis import (
    AgeGender,
    AnalysisDocument,
    DetectedFace,
    Doubt,
    Face,
    Gender,
    LandmarksPart,
    Models,
    Part,
    PartError,
)
from facepipe.domain.options import AnalysisOptions, Attribute
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState, StageRun
from facepipe.stages import FACE_STAGES, StageName

# What is said of a face by a stage that gave no answer, where the document asks for something.
_UNKNOWN: Mapping[str, Any] = {StageName.AGEGENDER: AgeGender(reasons=[Doubt.STAGE_FAILED])}
_COVERED = frozenset({Doubt.MOUTH_COVERED, Doubt.EYES_COVERED})
_OCCLUDED = PartError(
    code="landmarks_occluded", message="the face is covered in part; no landmarks are made up there"
)


def merge(parts: JoinedParts) -> AnalysisDocument:
    """The result document of an image whose parts are complete.

    A face of which a stage found nothing stays a face, says why, and makes the result
    *partial*. `timestamp` is the moment when the last part came, so that merging again gives
    the same document.

    Raises:
        ValueError: there are no landmarks, which a complete image always has.
    """
    state = parts.state
    landmarks = state.part(LandmarksPart)
    if landmarks is None:
        raise ValueError(f"{state.image_id} has no landmarks part")
    errors = _errors(landmarks, state.parts, parts.failures)
    usable = {stage: part for stage, part in state.parts.items() if stage not in errors}
    return AnalysisDocument(
        timestamp=parts.completed_at,
        image_path=f"saved_data/{state.image_id}.jpg",
        redis_key=f"image:{state.image_id}",
        num_faces=len(landmarks.faces),
        faces=asked_for(_faces(landmarks, usable, errors), state.image.options),
        status=Status.PARTIAL if errors else Status.STORED,
        error=next(iter(errors.values()), None),
        generation=state.generation,
        image=state.image,
        models=Models.of(usable.values()),
        timings_ms=timings(state),
    )


def timings(state: ImageState) -> dict[str, float]:
    """How long the steps took, of the last run of each; `queued` is the wait for the first."""
    collected: dict[str, float] = {}
    for run in _successful(state.timeline):
        collected.update({key: value for key, value in run.timings_ms.items() if key != "queued"})
    if state.timeline:
        waited = state.timeline[0].started_at - (state.begun_again_at or state.received_at)
        collected["queued"] = max(0.0, waited.total_seconds() * 1000)
    return {key: round(value, 1) for key, value in collected.items()}


def _successful(timeline: Iterable[StageRun]) -> list[StageRun]:
    return [run for run in timeline if run.error is None]


def _errors(
    landmarks: LandmarksPart,
    parts: Mapping[StageName, Part],
    failures: Mapping[StageName, PartError],
) -> dict[StageName, PartError]:
    """Why what a stage should have said of the faces is missing, by stage."""
    errors: dict[StageName, PartError] = {}
    for stage in (spec.name for spec in FACE_STAGES if landmarks.faces):
        part = parts.get(stage)
        if part is None:
            message = f"the stage {stage} gave no answer"
            errors[stage] = failures.get(stage) or PartError(code="stage_failed", message=message)
        elif len(part.faces) != len(landmarks.faces):
            message = f"{len(part.faces)} answers of {stage} for {len(landmarks.faces)} faces"
            errors[stage] = PartError(code="part_mismatch", message=message)
    return errors


def _faces(
    landmarks: LandmarksPart,
    parts: Mapping[StageName, Part],
    errors: Mapping[StageName, PartError],
) -> list[Face]:
    missing: dict[str, Any] = {stage: _UNKNOWN[stage] for stage in errors if stage in _UNKNOWN}
    missing |= {f"{stage}_error": error for stage, error in errors.items()}
    pieces = [
        missing
        | {spec.name: parts[spec.name].faces[n] for spec in FACE_STAGES if spec.name in parts}
        for n in range(len(landmarks.faces))
    ]
    pairs = sorted(zip(landmarks.faces, pieces, strict=True), key=lambda pair: -_area(pair[0]))
    return [
        _seen(Face(face_index=index, **dict(face) | piece))
        for index, (face, piece) in enumerate(pairs)
    ]


def asked_for(faces: list[Face], options: AnalysisOptions | None) -> list[Face]:
    """The faces with what the upload asked to be told of them, and nothing else."""
    if options is None or options.attributes is None:
        return faces
    of_face: dict[str, Any] = {}
    if not options.wants(Attribute.LANDMARKS):
        of_face |= {"landmarks": [], "landmarks_error": None}
    if not options.wants(Attribute.POSE):
        of_face["pose"] = None
    return [
        face.model_copy(update=of_face | {"agegender": _asked_of(face.agegender, options)})
        for face in faces
    ]


def _asked_of(estimate: AgeGender, options: AnalysisOptions) -> AgeGender:
    has_age, has_gender = options.wants(Attribute.AGE), options.wants(Attribute.GENDER)
    left_out: set[Doubt] = set()
    empty: dict[str, Any] = {}
    if not has_age:
        empty |= {"age": None, "age_low": None, "age_high": None, "age_reliable": False}
        left_out.add(Doubt.WIDE_AGE_RANGE)
    if not has_gender:
        empty |= {"gender": Gender.UNKNOWN, "gender_confidence": None, "gender_reliable": False}
        left_out.add(Doubt.UNCERTAIN_GENDER)
    if not options.wants(Attribute.QUALITY):
        empty["quality"] = None
    told = estimate.model_copy(update=empty)
    wanted = [told.age_reliable] * has_age + [told.gender_reliable] * has_gender
    reasons = [reason for reason in estimate.reasons if reason not in left_out]
    if not wanted and Doubt.SWITCHED_OFF not in reasons:
        reasons = [Doubt.SWITCHED_OFF]
    reliable = bool(wanted) and all(wanted)
    return told.model_copy(update={"reliable": reliable, "reasons": reasons})


def _seen(face: Face) -> Face:
    """Without a mesh that was laid over cloth."""
    if not face.landmarks or _COVERED.isdisjoint(face.agegender.reasons):
        return face
    return face.model_copy(update={"landmarks": [], "landmarks_error": _OCCLUDED})


def _area(face: DetectedFace) -> int:
    return face.box.to_bounding_box().area
