from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from facepipe.domain.errors import ModelCorruptError, ModelError, ModelNotFoundError
from facepipe.files.models import (
    BLAZEFACE_FULL_RANGE,
    ModelFile,
    read_model,
    record_path,
    write_record,
)
from facepipe.system.settings import VolumeSettings
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.app import detector_problem
from landmark_service.detectors import load_detector, load_refiner
from landmark_service.model_order import chosen_model, refiner_of
from landmark_service.settings import DetectorSettings, LandmarkSettings

from .tiny_models import save_brightest_spot, save_refiner, save_yolo

ONE_FACE = np.array([[64], [64], [32], [48], [0.9]], np.float32)


@pytest.fixture
def places(tmp_path: Path) -> LandmarkSettings:
    """Settings whose folders for the user's and the project's models are there and empty."""
    (tmp_path / "volumes" / "models").mkdir(parents=True)
    (tmp_path / "models" / "face_detector").mkdir(parents=True)
    return LandmarkSettings(
        volumes=VolumeSettings(root=tmp_path / "volumes"), model_dir=tmp_path / "models"
    )


def with_model(settings: LandmarkSettings, path: Path) -> LandmarkSettings:
    return settings.model_copy(update={"detector": DetectorSettings(model=path)})


def save_own(settings: LandmarkSettings) -> Path:
    """The project's own detector, as it ships: with its refiner, and a record of each."""
    assert settings.model_dir is not None
    path = save_yolo(settings.model_dir / "face_detector" / "face_detector.onnx", ONE_FACE)
    for model in (path, save_refiner(refiner_of(path))):
        write_record(read_model(model))
    return path


def test_the_order_of_models(places: LandmarkSettings, tmp_path: Path) -> None:
    own = save_own(places)
    assert chosen_model(places) == own
    users = save_yolo(places.volumes.models / "model.onnx", ONE_FACE)
    assert chosen_model(places) == users
    named = save_yolo(tmp_path / "elsewhere.onnx", ONE_FACE)
    assert chosen_model(with_model(places, named)) == named


def test_without_any_model_it_is_said_where_one_was_looked_for(places: LandmarkSettings) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        load_detector(places)

    problem = detector_problem(places)
    assert problem == raised.value.message
    assert str(places.volumes.models / "model.onnx") in problem
    assert str(places.model_dir) in problem
    assert "FACEPIPE_DETECTOR_MODEL=blazeface" in problem


def test_the_refiner_is_that_of_the_projects_own_detector(places: LandmarkSettings) -> None:
    own = save_own(places)
    refiner = load_refiner(places)
    assert refiner is not None
    assert refiner.model.sha256 == read_model(refiner_of(own)).sha256
    save_yolo(places.volumes.models / "model.onnx", ONE_FACE)
    assert load_refiner(places) is None
    blazeface = places.model_copy(update={"detector": DetectorSettings(model="blazeface")})
    assert load_refiner(blazeface) is None


def test_a_missing_refiner_is_said_and_not_done_without(places: LandmarkSettings) -> None:
    refiner_of(save_own(places)).unlink()
    with pytest.raises(ModelNotFoundError, match=r"face_refiner\.onnx"):
        load_refiner(places)
    assert "face_refiner.onnx" in (detector_problem(places) or "")


@pytest.mark.parametrize("harm", ["no record", "cut short"])
def test_the_projects_own_model_has_to_be_the_recorded_one(
    places: LandmarkSettings, harm: str
) -> None:
    path = save_own(places)
    if harm == "no record":
        record_path(path).unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ModelError, match=r"face_detector\.onnx"):
        load_detector(places)
    assert "face_detector.onnx" in (detector_problem(places) or "")


def test_mediapipes_own_detector_serves_whoever_asks_for_it(
    places: LandmarkSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FACEPIPE_DETECTOR_MODEL", "blazeface")
    settings = LandmarkSettings(volumes=places.volumes, model_dir=places.model_dir)

    with caplog.at_level(logging.INFO):
        detector = load_detector(settings)

    assert detector.model == BLAZEFACE_FULL_RANGE.info
    assert BLAZEFACE_FULL_RANGE.name in caplog.text
    assert detector_problem(settings) is None


def test_a_users_model_that_waits_to_be_exported_is_not_passed_over(
    places: LandmarkSettings,
) -> None:
    save_own(places)
    (places.volumes.models / "model.pt").touch()

    with pytest.raises(ModelNotFoundError, match="make import-model"):
        load_detector(places)
    assert "make import-model" in (detector_problem(places) or "")


def test_a_users_model_that_links_to_nowhere_is_not_passed_over(places: LandmarkSettings) -> None:
    save_own(places)
    (places.volumes.models / "model.onnx").symlink_to("nowhere.onnx")

    with pytest.raises(ModelNotFoundError, match=r"model\.onnx"):
        load_detector(places)


def test_a_users_model_that_is_none_is_not_passed_over(places: LandmarkSettings) -> None:
    save_own(places)
    (places.volumes.models / "model.onnx").write_bytes(b"no model at all")

    with pytest.raises(ModelError, match=r"model\.onnx"):
        load_detector(places)


def test_a_users_model_serves_and_says_who_it_is(places: LandmarkSettings) -> None:
    save_yolo(places.volumes.models / "model.onnx", ONE_FACE)
    model = load_detector(places).model
    assert model.name == "model.onnx"
    assert len(model.sha256) == 64


def test_a_model_that_is_named_and_missing_is_an_error(places: LandmarkSettings) -> None:
    settings = with_model(places, Path("nowhere.onnx"))
    with pytest.raises(ModelNotFoundError):
        load_detector(settings)
    assert "nowhere.onnx" in (detector_problem(settings) or "")


def test_a_model_that_is_not_the_recorded_one_is_not_used(places: LandmarkSettings) -> None:
    path = save_yolo(places.volumes.models / "model.onnx", ONE_FACE)
    write_record(ModelFile("known", path, "0" * 64, "AGPL-3.0-only", "somewhere"))
    with pytest.raises(ModelCorruptError):
        load_detector(places)
    assert detector_problem(places) is not None


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08" * 50])
def test_what_is_no_model_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        YoloV8FaceDetector(path)


def test_a_model_with_other_channels_is_an_error(tmp_path: Path) -> None:
    path = save_yolo(tmp_path / "coco.onnx", np.zeros((84, 10), np.float32))
    with pytest.raises(ModelError, match="84 output channels"):
        YoloV8FaceDetector(path)


@pytest.mark.parametrize("shape", [(100, 200, 3), (200, 100, 3), (1, 1, 3), (1, 3000, 3)])
@pytest.mark.parametrize("zoom", [1.0, 0.5])
def test_a_face_in_the_middle_is_found_in_the_middle(
    tmp_path: Path, shape: tuple[int, ...], zoom: float
) -> None:
    detector = YoloV8FaceDetector(save_brightest_spot(tmp_path / "model.onnx"), long_side=320)
    [found] = detector.detect(np.full(shape, 255, np.uint8), confidence=0.5, iou=0.5, zoom=zoom)
    scale = zoom * 320 / max(shape[:2])
    # Half a pixel of the input for the border, half for an image thinner than a pixel.
    assert (found.x1 + found.x2) / 2 == pytest.approx(shape[1] / 2, abs=1.01 / scale)
    assert (found.y1 + found.y2) / 2 == pytest.approx(shape[0] / 2, abs=1.01 / scale)
    longer = max(found.x2 - found.x1, found.y2 - found.y1)
    assert longer == pytest.approx(64 / scale, rel=0.01)
    assert found.confidence == 1.0


def test_pixels_reach_the_model_as_shares_of_one(tmp_path: Path) -> None:
    detector = YoloV8FaceDetector(save_brightest_spot(tmp_path / "model.onnx"), long_side=320)
    image = np.full((320, 320, 3), 120, np.uint8)
    [found] = detector.detect(image, confidence=0.1, iou=0.5)
    assert found.confidence == pytest.approx(120 / 255)


def test_a_model_of_fixed_size_sees_every_image_in_that_size(tmp_path: Path) -> None:
    # Given a model for 128 x 128 that sees a face in the middle of its input
    detector = YoloV8FaceDetector(save_yolo(tmp_path / "m.onnx", ONE_FACE, size=(128, 128)))
    # When it is shown a landscape
    [found] = detector.detect(np.zeros((100, 400, 3), np.uint8), confidence=0.5, iou=0.5)
    # Then the face is in the middle of that
    corners = [found.x1, found.y1, found.x2, found.y2]
    assert corners == pytest.approx([150, -25, 250, 125])


def test_an_answer_of_another_rank_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    save_yolo(path, np.zeros((5, 4, 4), np.float32))
    with pytest.raises(ModelError, match="dimensions"):
        YoloV8FaceDetector(path)
