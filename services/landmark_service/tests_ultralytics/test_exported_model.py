"""The whole way, live: Ultralytics exports a model and predicts, and so do we with ours."""

from __future__ import annotations

import numpy as np

from landmark_service.adapters.yolov8 import YoloV8FaceDetector

from .conftest import Recorded


def test_the_exported_model_finds_what_ultralytics_finds(recorded: Recorded) -> None:
    # Given an ONNX file from Ultralytics and the faces that Ultralytics finds with its own
    detector = YoloV8FaceDetector(recorded.exported, long_side=recorded.long_side)
    # When we look at the same image
    found = detector.detect(recorded.image_rgb, **recorded.asked)
    # Then we find the same faces
    assert len(found) == len(recorded.faces) > 3
    ours = np.array([one.confidence for one in found])
    theirs = np.array([one["confidence"] for one in recorded.faces])
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    # Random weights give neighbours the same confidence to the last digit now and then; which
    # of them comes first, or stays, is then a matter of rounding.
    height, width = recorded.image_rgb.shape[:2]
    corners = np.array([[one.x1, one.y1, one.x2, one.y2] for one in found])
    clipped = np.clip(corners, 0, [width, height] * 2)
    expected = np.array([one["xyxy"] for one in recorded.faces])
    apart = np.abs(clipped[:, None] - expected[None]).max(axis=2).min(axis=1)
    assert (apart < 0.5).mean() > 0.85, apart
