"""FACEPIPE_DETECTOR_RUNTIME=ultralytics, live: Ultralytics itself on a `model.pt`."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepipe.domain.errors import ModelError
from facepipe.files.models import sha256_of
from facepipe.system.settings import VolumeSettings
from landmark_service.adapters.ultralytics_model import UltralyticsFaceDetector
from landmark_service.load_models import load_pipeline
from landmark_service.settings import DetectorSettings, LandmarkSettings

from .conftest import Recorded


@pytest.mark.parametrize("zoom", [1.0, 0.5])
def test_it_finds_what_ultralytics_finds(recorded: Recorded, zoom: float) -> None:
    # Given a model.pt, and the faces that Ultralytics was recorded to find with it
    detector = UltralyticsFaceDetector(recorded.weights, long_side=round(recorded.long_side / zoom))
    # When the same image is looked at in the same size
    found = detector.detect(recorded.image_rgb, **recorded.asked, zoom=zoom)
    # Then those are found
    assert len(found) == len(recorded.faces) > 3
    corners = [[one.x1, one.y1, one.x2, one.y2] for one in found]
    np.testing.assert_allclose(corners, [one["xyxy"] for one in recorded.faces], atol=0.01)
    sure = [one["confidence"] for one in recorded.faces]
    np.testing.assert_allclose([one.confidence for one in found], sure, atol=1e-4)


def test_pytorch_has_the_threads_that_it_was_given(pose: Recorded) -> None:
    torch = pytest.importorskip("torch")
    for threads in (1, 2):
        detector = UltralyticsFaceDetector(pose.weights, long_side=64, threads=threads)
        detector.detect(pose.image_rgb, **pose.asked)
        assert torch.get_num_threads() == threads


def test_the_stage_works_with_it_and_results_name_it(pose: Recorded, tmp_path: Path) -> None:
    # Given a user's model.pt, and the setting
    volumes = VolumeSettings(root=tmp_path)
    volumes.models.mkdir()
    shutil.copy(pose.weights, volumes.models / "model.pt")
    detector = DetectorSettings(runtime="ultralytics", long_side=192, confidence=0.3, min_face_px=1)
    settings = LandmarkSettings(volumes=volumes, detector=detector)
    # When the models of the stage are loaded, MediaPipe's among them, and see an image
    pipeline = load_pipeline(settings)
    faces = pipeline.detect(pose.image_rgb)
    part = pipeline.find_landmarks(pose.image_rgb, faces)
    # Then it finds faces, and the part names the file
    assert part.faces
    assert part.detector.name == "model.pt"
    assert part.detector.sha256 == sha256_of(pose.weights)


def test_each_load_says_that_the_file_can_run_code(
    pose: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        UltralyticsFaceDetector(pose.weights, long_side=64)
    said = [one for one in caplog.records if "can run code" in one.getMessage()]
    assert len(said) == 2
    assert {one.levelno for one in said} == {logging.WARNING}


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("yolov8n.yaml", "knows 80 classes"),
        ("yolov8n-seg.yaml", "a model for 'segment'"),
        ("yolo11n-cls.yaml", "a model for 'classify'"),
    ],
)
def test_a_model_that_finds_no_faces_is_refused_with_its_reason(
    folder: Path, tmp_path: Path, architecture: str, reason: str
) -> None:
    from ultralytics import YOLO

    path = tmp_path / "model.pt"
    YOLO(architecture).save(path)
    with pytest.raises(ModelError, match=reason):
        UltralyticsFaceDetector(path, long_side=64)


def test_a_file_that_is_cut_short_or_none_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "detect.pt").read_bytes()
    for content in (b"", b"no model at all", whole[: len(whole) // 2]):
        path = tmp_path / "model.pt"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.pt cannot be read by Ultralytics"):
            UltralyticsFaceDetector(path)


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self._target,)


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_file_that_calls_a_function_is_refused_before_it_does(
    folder: Path, tmp_path: Path, form: str
) -> None:
    torch = pytest.importorskip("torch")
    # Given a model.pt with code in it
    path, target = tmp_path / "model.pt", tmp_path / "attacked"
    if form == "torch":
        torch.save({"model": Attack(target)}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Attack(target)}))
    # When it is read
    with pytest.raises(ModelError, match=r"model\.pt cannot be read"):
        UltralyticsFaceDetector(path)
    # Then the code has not run
    assert not target.exists()
