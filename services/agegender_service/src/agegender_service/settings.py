"""Settings of this service: the section `agegender`, variables `FACEPIPE_AGEGENDER_*`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field, field_validator

from facepipe.system.settings import Settings


class WeightsChoice(StrEnum):
    """Whose weights DeepFace runs."""

    OPEN = "open"
    RESEARCH = "research"
    DEEPFACE = "deepface"
    NONE = "none"


class AgeGenderSettings(BaseModel):
    """Which weights speak, and when an estimate counts as doubtful."""

    weights: WeightsChoice = Field(
        default=WeightsChoice.OPEN,
        description="open: our own, for whatever use; research: our own, for research alone; "
        "deepface: DeepFace's own, after `make fetch-deepface`; none: no age and gender",
    )
    batch_size: int = Field(
        default=16, ge=1, le=256, description="faces at a time; more are taken in turns"
    )
    gender_threshold: float = Field(
        default=0.65, ge=0.5, le=1.0, description="probability under which gender is unknown"
    )
    min_face_px: int = Field(
        default=48, ge=0, description="longer side of the box under which a face is small"
    )
    min_sharpness: float = Field(
        default=0.003, ge=0, description="sharpness of the crop under which a face is blurred"
    )
    max_yaw_degrees: float = Field(
        default=40.0, ge=0, le=90, description="turn of the head beyond which it is turned away"
    )
    min_confidence: float = Field(
        default=0.5, ge=0, le=1, description="of the detection, under which a face is doubtful"
    )
    max_age_range: int = Field(
        default=30, ge=0, le=101, description="years of the 80 % interval beyond which it is wide"
    )
    sure_gender: float = Field(
        default=0.85, ge=0.5, le=1.0, description="probability under which gender is not reliable"
    )
    min_face_probability: float = Field(
        default=0.7, ge=0, le=1, description="of a human face, under which it is not one"
    )
    max_cover: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="probability of a mask or dark glasses that counts",
    )

    @field_validator("weights", mode="before")
    @classmethod
    def _names_the_choices(cls, value: object) -> object:
        choices = ", ".join(WeightsChoice)
        if value == "project":
            raise ValueError(f"what was `project` is `research` now; choose one of {choices}")
        if value not in list(WeightsChoice):
            raise ValueError(f"choose one of {choices}")
        return value


class AgeGenderServiceSettings(Settings):
    agegender: AgeGenderSettings = AgeGenderSettings()
