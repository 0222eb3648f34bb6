"""The whole way, live: Ultralytics exports a YOLOv8 model and predicts, and so do we.

Ultralytics and PyTorch are 750 MB that nothing here serves with, so this runs where
FACEPIPE_ULTRALYTICS_PYTHON names a Python that has them (such as the one that `make
import-model` builds, `.venvs/import_model/bin/python`) and skips elsewhere, also in CI. What
CI holds is the recording of the same comparison, in services/landmark_service/tests.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from landmark_service.adapters.yolov8 import YoloV8FaceDetector

_PYTHON = os.environ.get("FACEPIPE_ULTRALYTICS_PYTHON", "")
_RECORDER = Path(__file__).parents[2] / "services/landmark_service/tests/data/make_yolov8_parity.py"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Ultralytics finds with models that it exports."""
    if not _PYTHON:
        pytest.skip("FACEPIPE_ULTRALYTICS_PYTHON names no Python with ultralytics")
    out = tmp_path_factory.mktemp("yolov8")
    command = [_PYTHON, str(_RECORDER), str(out), "--onnx", "--long-side", "192"]
    subprocess.run(command, check=True, timeout=600)
    return out


@pytest.mark.parametrize("task", ["detect", "pose"])
def test_the_exported_model_finds_what_ultralytics_finds(recorded: Path, task: str) -> None:
    # Given an ONNX file from Ultralytics and the faces that Ultralytics finds with its own
    description = json.loads((recorded / f"{task}.json").read_text("utf-8"))
    image_rgb = np.ascontiguousarray(np.load(recorded / "yolov8_image.npz")["image_rgb"])
    detector = YoloV8FaceDetector(recorded / f"{task}.onnx", long_side=description["long_side"])
    # When we look at the same image
    found = detector.detect(image_rgb, confidence=description["confidence"], iou=description["iou"])
    # Then we find the same faces
    assert len(found) == len(description["faces"]) > 3
    ours = np.array([one.confidence for one in found])
    theirs = np.array([one["confidence"] for one in description["faces"]])
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    # Random weights give neighbours the same confidence to the last digit now and then; which
    # of them comes first, or stays, is then a matter of rounding.
    width, height = description["image"]
    corners = np.array([[one.x1, one.y1, one.x2, one.y2] for one in found])
    clipped = np.clip(corners, 0, [width, height] * 2)
    expected = np.array([one["xyxy"] for one in description["faces"]])
    apart = np.abs(clipped[:, None] - expected[None]).max(axis=2).min(axis=1)
    assert (apart < 0.5).mean() > 0.85, apart
