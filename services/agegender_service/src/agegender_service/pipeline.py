"""Faces and their crops in, the part of this stage out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from agegender_service.estimate import estimate_face, switched_off
from agegender_service.estimator import AgeGenderEstimator
from agegender_service.face_quality import quality_of
from agegender_service.settings import AgeGenderSettings
from facepipe.domain.analysis import AgeGenderPart, DetectedFace, ModelInfo
from facepipe.domain.geometry import FACE_CROP_SIZE
from facepipe.files.image_store import FaceCrops
from facepipe.files.imaging import RgbImage, cut_face_crop

NO_MODEL = ModelInfo(name="none")


def estimate_faces(
    estimator: AgeGenderEstimator,
    faces: Sequence[DetectedFace],
    crops_rgb: FaceCrops,
    settings: AgeGenderSettings,
) -> AgeGenderPart:
    """Estimates all faces of an image.

    Args:
        estimator: the model.
        faces: as the landmark stage found them.
        crops_rgb: their crops in the same order, shape `(n, 224, 224, 3)`, uint8, RGB.
        settings: thresholds.
    """
    said = estimator.predict(crops_rgb)
    cues = [None] * len(faces) if said.cues is None else said.cues
    estimates = [
        estimate_face(age, gender, quality_of(face, crop, cue), settings)
        for face, crop, age, gender, cue in zip(
            faces, crops_rgb, said.age, said.gender, cues, strict=True
        )
    ]
    return AgeGenderPart(faces=estimates, model=estimator.model)


def switched_off_part(num_faces: int) -> AgeGenderPart:
    """The part when no model is wanted: every face, and nothing claimed of any."""
    return AgeGenderPart(faces=[switched_off()] * num_faces, model=NO_MODEL)


def cut_crops(image_rgb: RgbImage, faces: Sequence[DetectedFace]) -> FaceCrops:
    """Cuts the crops again when the cache has lost them; shape `(n, 224, 224, 3)`, uint8."""
    crops = [
        cut_face_crop(
            image_rgb,
            face.box.to_bounding_box(),
            [point.to_point() for point in face.landmarks],
        )
        for face in faces
    ]
    if not crops:
        return np.empty((0, FACE_CROP_SIZE, FACE_CROP_SIZE, 3), np.uint8)
    return cast(FaceCrops, np.stack(crops))
