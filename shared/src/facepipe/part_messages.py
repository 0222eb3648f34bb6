"""Conversions between what the stages found and the messages of `facepipe.v1.FaceStore`.

Client and server both go through here, so that a field is named in one place.
"""

from __future__ import annotations

from facepipe.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    DetectedFace,
    Doubt,
    Gender,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
    PartError,
)
from facepipe.v1 import face_store_pb2 as pb


def error_to_pb(error: PartError | None) -> pb.PartError | None:
    return None if error is None else pb.PartError(code=error.code, message=error.message)


def error_from_pb(message: pb.PartError) -> PartError | None:
    return PartError(code=message.code, message=message.message) if message.code else None


def model_to_pb(model: ModelInfo) -> pb.ModelInfo:
    return pb.ModelInfo(name=model.name, sha256=model.sha256)


def model_from_pb(message: pb.ModelInfo) -> ModelInfo:
    return ModelInfo(name=message.name, sha256=message.sha256)


def landmarks_to_pb(part: LandmarksPart) -> pb.LandmarksPart:
    return pb.LandmarksPart(
        faces=[_face_to_pb(face) for face in part.faces],
        detector=model_to_pb(part.detector),
        landmarker=model_to_pb(part.landmarker),
    )


def landmarks_from_pb(message: pb.LandmarksPart) -> LandmarksPart:
    """Raises ValueError when a box is empty or coordinates do not pair up."""
    return LandmarksPart(
        faces=[_face_from_pb(face) for face in message.faces],
        detector=model_from_pb(message.detector),
        landmarker=model_from_pb(message.landmarker),
    )


def agegender_to_pb(part: AgeGenderPart) -> pb.AgeGenderPart:
    return pb.AgeGenderPart(
        faces=[
            pb.FaceAgeGender(
                age=face.age,
                gender=face.gender,
                age_low=face.age_low,
                age_high=face.age_high,
                gender_confidence=face.gender_confidence,
                reliable=face.reliable,
                reasons=[str(reason) for reason in face.reasons],
            )
            for face in part.faces
        ],
        model=model_to_pb(part.model),
    )


def agegender_from_pb(message: pb.AgeGenderPart) -> AgeGenderPart:
    """Raises ValueError for an unknown gender or reason."""
    return AgeGenderPart(
        faces=[
            AgeGender(
                age=face.age if face.HasField("age") else None,
                gender=Gender(face.gender),
                age_low=face.age_low if face.HasField("age_low") else None,
                age_high=face.age_high if face.HasField("age_high") else None,
                gender_confidence=(
                    face.gender_confidence if face.HasField("gender_confidence") else None
                ),
                reliable=face.reliable,
                reasons=[Doubt(reason) for reason in face.reasons],
            )
            for face in message.faces
        ],
        model=model_from_pb(message.model),
    )


def _face_to_pb(face: DetectedFace) -> pb.DetectedFace:
    return pb.DetectedFace(
        box=pb.Box(x1=face.box.x1, y1=face.box.y1, x2=face.box.x2, y2=face.box.y2),
        confidence=face.confidence,
        landmarks=[value for point in face.landmarks for value in (point.x, point.y)],
        landmarks_error=error_to_pb(face.landmarks_error),
    )


def _face_from_pb(message: pb.DetectedFace) -> DetectedFace:
    box = Box(x1=message.box.x1, y1=message.box.y1, x2=message.box.x2, y2=message.box.y2)
    if box.x2 <= box.x1 or box.y2 <= box.y1:
        raise ValueError(f"an empty box: {box}")
    values = iter(message.landmarks)
    return DetectedFace(
        box=box,
        confidence=min(1.0, max(0.0, message.confidence)),
        landmarks=[LandmarkPoint(x=x, y=y) for x, y in zip(values, values, strict=True)],
        landmarks_error=error_from_pb(message.landmarks_error),
    )
