"""How one upload is analysed, where it asks for something of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DetectorMode(StrEnum):
    """Where large images are searched in tiles: where small faces may be, never, everywhere."""

    AUTO = "auto"
    FAST = "fast"
    THOROUGH = "thorough"


class Attribute(StrEnum):
    """What is told of a face, beside where it is."""

    LANDMARKS = "landmarks"
    AGE = "age"
    GENDER = "gender"
    POSE = "pose"
    QUALITY = "quality"


class AnalysisOptions(BaseModel):
    """How an upload asked to be analysed; null: as the server is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_face_px: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="longer side of the smallest face, pixels"
    )
    max_faces: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="of more faces than this, the largest are kept"
    )
    confidence: Annotated[float, Field(ge=0.05, le=0.99)] | None = Field(
        default=None, description="a face the detector is less sure of is left out"
    )
    detector_mode: DetectorMode | None = Field(
        default=None, description="where a large image is searched in tiles"
    )
    attributes: tuple[Attribute, ...] | None = Field(
        default=None, description="what is told of each face; null: everything"
    )

    def wants(self, *attributes: Attribute) -> bool:
        """Whether any of these is asked for."""
        return self.attributes is None or any(one in self.attributes for one in attributes)
