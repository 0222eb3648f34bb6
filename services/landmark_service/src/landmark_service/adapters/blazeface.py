"""MediaPipe's bundled full-range detector, for whoever asks for it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import ImageSize, Point
from facepipe.files.imaging import RgbImage
from facepipe.files.models import BLAZEFACE_FULL_RANGE
from landmark_service.adapters.mediapipe_runtime import BLAZEFACE_FILE, prepare
from landmark_service.adapters.resizing import shrink_into
from landmark_service.faces import Detection
from landmark_service.letterbox import Letterbox, fit_fixed
from landmark_service.roll import roll_of_eyes

# The model sees 192 pixels a side; its graph is given a few times as many to shrink.
_INPUT = ImageSize(640, 640)
LEAST_CONFIDENCE = 0.5


class BlazeFaceDetector:
    """Finds the large faces of an image: on WIDER FACE 77 % above 128 px, 13 % at 32-63 px.

    It is less sure of what it sees than YOLOv8: below 0.5 it is mostly wrong, so a lower
    confidence is not asked of it.
    """

    def __init__(self) -> None:
        self._model = BLAZEFACE_FULL_RANGE.at(BLAZEFACE_FILE)
        self._solution = prepare().solutions.face_detection.FaceDetection(
            model_selection=1, min_detection_confidence=LEAST_CONFIDENCE
        )
        self._lock = threading.Lock()

    @property
    def model(self) -> ModelInfo:
        return self._model.info

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        """See `FaceDetector.detect`; overlapping faces are merged by MediaPipe's own rule."""
        letterbox = fit_fixed(ImageSize(image_rgb.shape[1], image_rgb.shape[0]), _INPUT, zoom)
        picture = shrink_into(image_rgb, letterbox)
        try:
            with self._lock:
                answer = self._solution.process(picture)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"MediaPipe's face detector failed: {error}") from error
        found = [from_mediapipe(detection, letterbox) for detection in answer.detections or []]
        return [detection for detection in found if detection.confidence >= confidence]


def from_mediapipe(detection: Any, letterbox: Letterbox) -> Detection:
    """A MediaPipe `Detection`, relative to the detector's input, in pixels of the image.

    Its first keypoints are the subject's right eye, left eye, nose tip and mouth.
    """

    def place(x: float, y: float) -> Point:
        shares = np.array([x, y], np.float32)
        at = letterbox.to_image(shares * np.array(letterbox.input, np.float32))
        return Point(float(at[0]), float(at[1]))

    location = detection.location_data
    box = location.relative_bounding_box
    first = place(box.xmin, box.ymin)
    last = place(box.xmin + box.width, box.ymin + box.height)
    right_eye, left_eye, _, mouth = (
        place(point.x, point.y) for point in location.relative_keypoints[:4]
    )
    return Detection(
        first.x,
        first.y,
        last.x,
        last.y,
        confidence=min(1.0, float(detection.score[0])),
        roll=roll_of_eyes(right_eye, left_eye, mouth),
    )
