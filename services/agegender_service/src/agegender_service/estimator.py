"""The role of whatever looks at face crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agegender_service.face_quality import Probabilities
from facepipe.domain.analysis import ModelInfo
from facepipe.files.image_store import FaceCrops


@dataclass(frozen=True, slots=True)
class FaceProbabilities:
    """What a model says of n faces.

    Attributes:
        age: shape `(n, 101)`, float32; one class a year, 0-100.
        gender: shape `(n, 2)`, float32; Woman, Man.
        cues: shape `(n, len(Cue))`, float32; of a model that judges quality.
    """

    age: Probabilities
    gender: Probabilities
    cues: Probabilities | None = None


class AgeGenderEstimator(Protocol):
    """Looks at face crops and tells probabilities."""

    @property
    def model(self) -> ModelInfo: ...

    def predict(self, crops_rgb: FaceCrops) -> FaceProbabilities:
        """Probabilities of each face; `crops_rgb` has shape `(n, 224, 224, 3)`, uint8."""
        ...
