"""Loads the detector that the order of models names."""

from __future__ import annotations

import logging

from facepipe.system.cpu import threads_per_worker
from landmark_service.adapters.blazeface import BlazeFaceDetector
from landmark_service.adapters.refiner import OnnxRefiner
from landmark_service.adapters.ultralytics_model import UltralyticsFaceDetector
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.faces import FaceDetector, FaceRefiner
from landmark_service.model_order import chosen_model, own_detector, refiner_of
from landmark_service.settings import BLAZEFACE, LandmarkSettings

_log = logging.getLogger(__name__)


def load_detector(settings: LandmarkSettings) -> FaceDetector:
    """The detector of the order in the README; it says in the log which.

    Raises:
        ModelNotFoundError: there is no model where it should be.
        ModelCorruptError: a file does not match its record.
        ModelError: a file is no face model, or two settings contradict each other.
    """
    detector = _load(settings)
    _log.info(
        "detector: %s",
        detector.model.name,
        extra={"model": detector.model.name, "sha256": detector.model.sha256},
    )
    return detector


def load_refiner(settings: LandmarkSettings) -> FaceRefiner | None:
    """The refiner of the project's own detector; other detectors have none.

    Raises:
        ModelNotFoundError: it is not beside the detector.
        ModelCorruptError: the file does not match its record.
        ModelError: it cannot be run.
    """
    own = own_detector(settings)
    if settings.detector.runtime == "ultralytics" or chosen_model(settings) != own:
        return None
    refiner = OnnxRefiner(
        refiner_of(own),
        threads=threads_per_worker(settings.stage),
        device=settings.stage.device,
    )
    _log.info(
        "refiner: %s",
        refiner.model.name,
        extra={"model": refiner.model.name, "sha256": refiner.model.sha256},
    )
    return refiner


def _load(settings: LandmarkSettings) -> FaceDetector:
    chosen = chosen_model(settings)
    if chosen == BLAZEFACE:
        return BlazeFaceDetector()
    is_onnx = settings.detector.runtime == "onnx"
    return (YoloV8FaceDetector if is_onnx else UltralyticsFaceDetector)(
        chosen,
        long_side=settings.detector.long_side,
        threads=threads_per_worker(settings.stage),
        device=settings.stage.device,
    )
