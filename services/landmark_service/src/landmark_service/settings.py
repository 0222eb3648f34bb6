"""Settings of landmark_service; a variable is the section and the field: FACEPIPE_DETECTOR_IOU."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, Field

from facepipe.system.settings import Settings

BLAZEFACE: Final = "blazeface"


class DetectorSettings(BaseModel):
    """Which faces are found, and with which model."""

    confidence: float = Field(
        default=0.5, gt=0, lt=1, description="a face it is less sure of is left out"
    )
    iou: float = Field(
        default=0.5, gt=0, le=1, description="overlap above which two boxes are one face"
    )
    min_face_px: int = Field(
        default=12, ge=1, description="longer side of the smallest face, pixels of the image"
    )
    max_faces: int = Field(
        default=500, ge=1, description="of more faces than this, the largest are kept"
    )
    long_side: int = Field(
        default=640,
        ge=64,
        le=4096,
        description="pixels of the longer side that the detector sees; more finds smaller faces",
    )
    mode: Literal["auto", "fast", "thorough"] = Field(
        default="auto",
        description="large images: auto searches tiles where small faces may be, fast never, "
        "thorough everywhere",
    )
    model: Path | Literal["blazeface"] | None = Field(
        default=None,
        description="an ONNX file instead of the usual order of models; blazeface: MediaPipe's "
        "own, which finds large faces only",
    )
    runtime: Literal["onnx", "ultralytics"] = Field(
        default="onnx",
        description="ultralytics: run volumes/models/model.pt itself, which can run code; its own "
        "image or environment",
    )


class LandmarkSettings(Settings):
    detector: DetectorSettings = DetectorSettings()
