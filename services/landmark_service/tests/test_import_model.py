from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from facepipe.errors import InvalidRequestError, ModelError, ModelNotFoundError
from facepipe.models import read_model
from facepipe.settings import VolumeSettings
from landmark_service.import_model import import_model, prepare_environment
from landmark_service.settings import LandmarkSettings

from .tiny_models import save_yolo


@pytest.fixture
def settings(tmp_path: Path) -> LandmarkSettings:
    (tmp_path / "volumes" / "models").mkdir(parents=True)
    return LandmarkSettings(volumes=VolumeSettings(root=tmp_path / "volumes"))


def fake_environment(folder: Path, answer: Path | None) -> Path:
    """An environment whose Python stands in for Ultralytics: it exports `answer`."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    copy = f'cp "{answer}" model.onnx' if answer else "exit 3"
    python.write_text(f"#!/bin/sh\n{copy}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (folder / "ready").touch()
    return folder


def test_without_a_model_it_says_where_to_put_one(
    settings: LandmarkSettings, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFoundError, match=r"models/model\.pt"):
        import_model(settings, tmp_path / "environment")


def test_an_exported_model_is_put_in_place_with_its_record(
    settings: LandmarkSettings, tmp_path: Path
) -> None:
    # Given a user's weights and an Ultralytics that exports them
    (settings.volumes.models / "model.pt").write_bytes(b"weights")
    exported = save_yolo(tmp_path / "exported.onnx", np.zeros((5, 3), np.float32))
    environment = fake_environment(tmp_path / "environment", exported)
    # When they are imported
    target = import_model(settings, environment)
    # Then the file is where it is looked for, and known
    assert target == settings.volumes.models / "model.onnx"
    assert target.read_bytes() == exported.read_bytes()
    assert "model.pt" in read_model(target).source
    assert not (environment / "export").exists()


def test_an_export_that_fails_leaves_the_model_that_was_there(
    settings: LandmarkSettings, tmp_path: Path
) -> None:
    (settings.volumes.models / "model.pt").write_bytes(b"weights")
    (settings.volumes.models / "model.onnx").write_bytes(b"the one before")
    with pytest.raises(ModelError, match="ended with 3"):
        import_model(settings, fake_environment(tmp_path / "environment", None))
    assert (settings.volumes.models / "model.onnx").read_bytes() == b"the one before"


def test_so_does_an_export_that_is_no_face_model(
    settings: LandmarkSettings, tmp_path: Path
) -> None:
    (settings.volumes.models / "model.pt").write_bytes(b"weights")
    wrong = save_yolo(tmp_path / "wrong.onnx", np.zeros((84, 3), np.float32))
    with pytest.raises(ModelError, match="84 output channels"):
        import_model(settings, fake_environment(tmp_path / "environment", wrong))
    assert not (settings.volumes.models / "model.onnx").exists()


def test_the_environment_tells_its_size_and_takes_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a uv that notes what it is asked, and an index for PyTorch
    notes = tmp_path / "notes"
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f'#!/bin/sh\necho "$@" >> "{notes}"\nfor last; do :; done\n'
        '[ "$1" != venv ] || mkdir -p "$last"\n'
    )
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    monkeypatch.setenv("FACEPIPE_TORCH_INDEX", "http://index.invalid/cpu")
    # When the environment is prepared twice
    for _ in range(2):
        prepare_environment(tmp_path / "environment")
    # Then it was built once, from that index, and its size was told
    venv, install = notes.read_text().splitlines()
    assert venv.startswith("venv")
    assert "--index http://index.invalid/cpu" in install
    assert "ultralytics" in install
    assert "750 MB" in capsys.readouterr().out


def test_without_uv_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidRequestError, match="uv"):
        prepare_environment(tmp_path / "environment")
