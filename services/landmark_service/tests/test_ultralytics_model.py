"""The adapter of Ultralytics, with a stand-in for it; tests_ultralytics/ has the real one."""

from __future__ import annotations

import math
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepipe.domain.errors import ModelCorruptError, ModelError, ModelNotFoundError
from facepipe.files.models import ModelFile, sha256_of, write_record
from facepipe.system.settings import VolumeSettings
from landmark_service.adapters.ultralytics_model import UltralyticsFaceDetector
from landmark_service.app import detector_problem
from landmark_service.detectors import load_detector
from landmark_service.settings import DetectorSettings, LandmarkSettings

from .fake_ultralytics import FakeUltralytics, install

IMAGE = np.zeros((40, 60, 3), np.uint8)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeUltralytics:
    return install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> LandmarkSettings:
    """Settings that ask for Ultralytics, with an empty folder for the user's models."""
    volumes = VolumeSettings(root=tmp_path)
    volumes.models.mkdir()
    return LandmarkSettings(volumes=volumes, detector=DetectorSettings(runtime="ultralytics"))


@pytest.fixture
def weights(settings: LandmarkSettings) -> Path:
    path = settings.volumes.models / "model.pt"
    path.write_bytes(b"weights")
    return path


def test_the_setting_lets_ultralytics_run_the_users_file(
    settings: LandmarkSettings, weights: Path, fake: FakeUltralytics
) -> None:
    detector = load_detector(settings)
    assert isinstance(detector, UltralyticsFaceDetector)
    assert fake.read == [weights]
    assert (detector.model.name, detector.model.sha256) == ("model.pt", sha256_of(weights))
    assert detector_problem(settings) is None


def test_without_the_setting_the_file_is_not_read(
    settings: LandmarkSettings, weights: Path, fake: FakeUltralytics
) -> None:
    # Given a model.pt that makes a folder when it is unpickled, and no setting
    target = weights.parent / "attacked"
    attack = type("Attack", (), {"__reduce__": lambda _: (os.mkdir, (str(target),))})
    weights.write_bytes(pickle.dumps(attack()))
    # When the stage is loaded, also with the file named as the ONNX file to be used
    for detector in (DetectorSettings(), DetectorSettings(model=weights)):
        with pytest.raises(ModelError):
            load_detector(settings.model_copy(update={"detector": detector}))
    # Then nobody has read it
    assert fake.read == []
    assert not target.exists()


def test_without_ultralytics_it_is_said_where_it_is(
    settings: LandmarkSettings, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(ModelError, match=r"not installed.+docker-compose\.ultralytics\.yml"):
        load_detector(settings)


def test_without_the_file_it_is_an_error_that_names_it(
    settings: LandmarkSettings, fake: FakeUltralytics
) -> None:
    with pytest.raises(ModelNotFoundError, match=r"model\.pt"):
        load_detector(settings)
    assert "model.pt" in (detector_problem(settings) or "")
    assert fake.read == []


def test_a_file_that_is_not_the_recorded_one_is_not_read(
    settings: LandmarkSettings, weights: Path, fake: FakeUltralytics
) -> None:
    write_record(ModelFile("mine", weights, "0" * 64, "AGPL-3.0-only", "somewhere"))
    with pytest.raises(ModelCorruptError):
        load_detector(settings)
    assert fake.read == []


@pytest.mark.parametrize("model", ["blazeface", Path("other.onnx")])
def test_another_model_beside_it_is_a_contradiction(
    settings: LandmarkSettings, weights: Path, model: Any, fake: FakeUltralytics
) -> None:
    detector = DetectorSettings(runtime="ultralytics", model=model)
    both = settings.model_copy(update={"detector": detector})
    with pytest.raises(ModelError, match=f"FACEPIPE_DETECTOR_MODEL={model}"):
        load_detector(both)
    assert str(model) in (detector_problem(both) or "")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ({"task": "segment"}, "is a model for 'segment', not for detect or pose"),
        ({"names": {0: "face", 1: "hand"}}, r"knows 2 classes \(face, hand\)"),
        ({"names": {n: f"c{n}" for n in range(80)}}, r"80 classes \(c0, c1, c2, c3, c4, \.\.\.\)"),
        ({"error": EOFError("cut short")}, "cannot be read by Ultralytics: cut short"),
    ],
)
def test_what_is_no_face_model_is_refused_with_its_reason(
    weights: Path, fake: FakeUltralytics, harm: dict[str, Any], reason: str
) -> None:
    for name, value in harm.items():
        setattr(fake, name, value)
    with pytest.raises(ModelError, match=reason):
        UltralyticsFaceDetector(weights)


def test_it_is_read_with_known_classes_alone_and_without_the_network(
    weights: Path, fake: FakeUltralytics
) -> None:
    UltralyticsFaceDetector(weights)
    assert fake.environment["ULTRALYTICS_SAFE_LOAD"] == "true"
    assert fake.environment["YOLO_AUTOINSTALL"] == "false"
    assert fake.environment["YOLO_OFFLINE"] == "true"


def test_each_load_says_that_the_file_can_run_code(
    weights: Path, fake: FakeUltralytics, caplog: pytest.LogCaptureFixture
) -> None:
    UltralyticsFaceDetector(weights)
    UltralyticsFaceDetector(weights)
    assert caplog.text.count(f"reading {weights}: a .pt file can run code") == 2


def test_pixels_and_settings_reach_it_and_a_face_comes_back(
    weights: Path, fake: FakeUltralytics
) -> None:
    # Given a pose model that sees an upright face
    fake.points = [[[15, 30, 1], [25, 30, 1], [20, 36, 1], [16, 42, 1], [24, 42, 1]]]
    detector = UltralyticsFaceDetector(weights, long_side=640, threads=3)
    # When it is shown a red image from further away
    red = IMAGE + np.array([255, 0, 0], np.uint8)
    [found] = detector.detect(red, confidence=0.2, iou=0.4, zoom=0.35)
    # Then it saw red, as OpenCV orders it, at the size and with the limits that were meant
    assert fake.images[-1][0, 0].tolist() == [0, 0, 255]
    asked = fake.asked[-1]
    assert (asked["imgsz"], asked["conf"], asked["iou"]) == (224, 0.2, 0.4)
    # And the threads are those of the stage
    assert fake.threads[fake.threads.index(3) - 1] == 0
    assert [found.x1, found.y1, found.x2, found.y2] == [10, 20, 30, 50]
    assert found.confidence == pytest.approx(0.9)
    assert found.roll is not None
    assert math.isclose(found.roll, 0, abs_tol=1e-6)


def test_a_model_that_fails_on_an_image_is_a_model_error(
    weights: Path, fake: FakeUltralytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = UltralyticsFaceDetector(weights)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(fake, "predict", fail)
    with pytest.raises(ModelError, match=r"model\.pt cannot be run: out of memory"):
        detector.detect(IMAGE, confidence=0.2, iou=0.4)
