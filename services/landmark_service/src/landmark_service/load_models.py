"""Loads the models of this stage; `python -m landmark_service.load_models` does only that.

It names them, or ends with 1 where they cannot be loaded. The build of the image runs it.
"""

from __future__ import annotations

import sys

from facepipe.domain.errors import ModelError
from landmark_service.adapters.mediapipe_landmarker import MediaPipeFaceLandmarker
from landmark_service.detectors import load_detector, load_refiner
from landmark_service.pipeline import FacePipeline
from landmark_service.settings import LandmarkSettings


def load_pipeline(settings: LandmarkSettings) -> FacePipeline:
    """Detector, refiner and landmarker.

    Raises:
        ModelError: one of them cannot be had; see `load_detector` and `load_refiner`.
    """
    return FacePipeline(
        load_detector(settings),
        MediaPipeFaceLandmarker(),
        settings.detector,
        load_refiner(settings),
    )


def main() -> int:
    try:
        models = load_pipeline(LandmarkSettings()).models
    except ModelError as error:
        print(f"load_models: {error.message}", file=sys.stderr)
        return 1
    for part, model in models.items():
        print(f"{part}: {model.name} {model.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
