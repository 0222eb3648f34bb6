from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from facepipe.domain.errors import ModelCorruptError, ModelError, ModelNotFoundError
from facepipe.files.models import ModelFile, read_model, sha256_of, write_record
from facepipe.system.settings import VolumeSettings
from landmark_service import import_model as module
from landmark_service.import_model import import_model
from landmark_service.settings import LandmarkSettings

from . import fake_ultralytics
from .tiny_models import save_yolo


@pytest.fixture
def settings(tmp_path: Path) -> LandmarkSettings:
    (tmp_path / "volumes" / "models").mkdir(parents=True)
    return LandmarkSettings(volumes=VolumeSettings(root=tmp_path / "volumes"))


@pytest.fixture
def weights(settings: LandmarkSettings) -> Path:
    path = settings.volumes.models / "model.pt"
    path.write_bytes(b"weights")
    return path


def exports(monkeypatch: pytest.MonkeyPatch, answer: Path) -> None:
    """Ultralytics exports what stands in `answer`."""

    def export(weights: Path) -> Path:
        assert weights.read_bytes() == b"weights"
        return Path(shutil.copy(answer, weights.with_suffix(".onnx")))

    monkeypatch.setattr(module, "export", export)


def test_without_a_model_it_says_where_to_put_one(settings: LandmarkSettings) -> None:
    with pytest.raises(ModelNotFoundError, match=r"models/model\.pt"):
        import_model(settings)


def test_an_exported_model_is_put_in_place_with_its_record(
    settings: LandmarkSettings, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a user's weights and an Ultralytics that exports them
    exported = save_yolo(tmp_path / "exported.onnx", np.zeros((5, 3), np.float32))
    exports(monkeypatch, exported)
    # When they are imported
    target = import_model(settings)
    # Then the file is where it is looked for, and known, and nothing else was left
    assert target == settings.volumes.models / "model.onnx"
    assert target.read_bytes() == exported.read_bytes()
    assert read_model(target).source == f"exported from model.pt, sha256 {sha256_of(weights)}"
    assert len(list(settings.volumes.models.iterdir())) == 3


def test_an_export_that_fails_leaves_the_model_that_was_there(
    settings: LandmarkSettings, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ultralytics.install(monkeypatch)
    weights.with_suffix(".onnx").write_bytes(b"the one before")
    with pytest.raises(ModelError, match=r"cannot export model\.pt: no operator"):
        import_model(settings)
    assert weights.with_suffix(".onnx").read_bytes() == b"the one before"


def test_so_does_an_export_that_is_no_face_model(
    settings: LandmarkSettings, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports(monkeypatch, save_yolo(tmp_path / "wrong.onnx", np.zeros((84, 3), np.float32)))
    with pytest.raises(ModelError, match="84 output channels"):
        import_model(settings)
    assert not weights.with_suffix(".onnx").exists()


def test_a_model_that_is_not_the_recorded_one_is_not_read(
    settings: LandmarkSettings, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_ultralytics.install(monkeypatch)
    write_record(ModelFile("mine", weights, "0" * 64, "AGPL-3.0-only", "somewhere"))
    with pytest.raises(ModelCorruptError):
        import_model(settings)
    assert fake.read == []
