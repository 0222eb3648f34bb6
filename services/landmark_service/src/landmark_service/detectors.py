"""Loads the detector that the order of models names."""

from __future__ import annotations

import logging

from facepipe.cpu import threads_per_worker
from landmark_service.adapters.blazeface import BlazeFaceDetector
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.faces import FaceDetector
from landmark_service.model_order import chosen_model
from landmark_service.settings import LandmarkSettings

_log = logging.getLogger(__name__)


def load_detector(settings: LandmarkSettings) -> FaceDetector:
    """The first detector of the order in the README; it says in the log which.

    A file that is there is used or is an error: whoever put it there should hear of it.

    Raises:
        ModelNotFoundError: the setting `detector.model` names a file that is not there.
        ModelCorruptError: a file does not match its record.
        ModelError: a file is no YOLOv8 face model.
    """
    user_model = settings.volumes.models / "model.pt"
    if user_model.exists() and not user_model.with_suffix(".onnx").exists():
        _log.warning(
            "%s is not used: run `make import-model` once, which exports it to ONNX", user_model
        )
    detector = _first_found(settings)
    _log.info(
        "detector: %s",
        detector.model.name,
        extra={"model": detector.model.name, "sha256": detector.model.sha256},
    )
    return detector


def _first_found(settings: LandmarkSettings) -> FaceDetector:
    path = chosen_model(settings)
    if path is not None:
        return YoloV8FaceDetector(
            path,
            long_side=settings.detector.long_side,
            threads=threads_per_worker(settings.stage),
            device=settings.stage.device,
        )
    _log.warning(
        "no YOLOv8 face model was found: MediaPipe's own detector misses small faces; see the "
        "README of landmark_service"
    )
    return BlazeFaceDetector()
