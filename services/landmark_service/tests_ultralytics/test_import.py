"""`make import-model`, live: from a `model.pt` to what is served by default."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from facepipe.files.models import read_model, sha256_of
from landmark_service.adapters.yolov8 import YoloV8FaceDetector

from .conftest import Recorded


def run_import(volumes: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "landmark_service.import_model"]
    environment = os.environ | {"FACEPIPE_VOLUMES_ROOT": str(volumes)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_users_model_is_exported_with_its_record(pose: Recorded, tmp_path: Path) -> None:
    # Given nothing but a user's model.pt
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(pose.weights, models / "model.pt")
    # When it is imported
    done = run_import(tmp_path)
    # Then the ONNX file and its record are there, nothing else, and the warning was given
    assert done.returncode == 0, done.stdout + done.stderr
    assert "can run code" in done.stderr
    assert {path.name for path in models.iterdir()} == {
        "model.pt",
        "model.onnx",
        "model.onnx.json",
    }
    record = json.loads((models / "model.onnx.json").read_text())
    assert record["source"] == f"exported from model.pt, sha256 {sha256_of(pose.weights)}"
    assert read_model(models / "model.onnx").sha256 == record["sha256"]
    # And it finds as many faces as Ultralytics does with the original
    detector = YoloV8FaceDetector(models / "model.onnx", long_side=pose.long_side)
    assert len(detector.detect(pose.image_rgb, **pose.asked)) == len(pose.faces)


def test_a_broken_model_is_told_in_one_line_and_writes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "model.pt").write_bytes(b"no model at all")
    done = run_import(tmp_path)
    assert done.returncode == 1
    assert "import-model: " in done.stderr
    assert "model.pt cannot be read by Ultralytics" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in models.iterdir()] == ["model.pt"]
