"""The order in which detector models are looked for. Loads none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facepipe.models import project_models_dir
from landmark_service.settings import LandmarkSettings


def model_candidates(settings: LandmarkSettings) -> Iterator[Path]:
    """Where a YOLOv8 face model may be, first choice first."""
    if settings.detector.model is not None:
        yield settings.detector.model
    yield settings.volumes.models / "model.onnx"
    yield project_models_dir(settings) / "face_detector" / "face_detector.onnx"


def chosen_model(settings: LandmarkSettings) -> Path | None:
    """The file that is to be used; None when only MediaPipe's own detector is left."""
    for path in model_candidates(settings):
        if path == settings.detector.model or path.exists():
            return path
    return None
