"""Models that Ultralytics builds, runs and exports; runs in `.venvs/landmark_ultralytics`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepipe.files.imaging import RgbImage
from tests.support.missing import missing

_RECORDER = Path(__file__).parents[1] / "tests/data/make_yolov8_parity.py"


@dataclass(frozen=True)
class Recorded:
    """What Ultralytics itself finds with a model.

    Attributes:
        weights: the `.pt` file.
        exported: the ONNX file of it.
        description: the settings, and the faces, surest first.
    """

    weights: Path
    exported: Path
    image_rgb: RgbImage
    description: dict[str, Any]

    @property
    def asked(self) -> dict[str, float]:
        return {key: self.description[key] for key in ("confidence", "iou")}

    @property
    def long_side(self) -> int:
        return int(self.description["long_side"])

    @property
    def faces(self) -> list[dict[str, Any]]:
        return list(self.description["faces"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("ultralytics") is None:
        missing("Ultralytics is not in this environment: `make import-model` builds one with it")
    out = tmp_path_factory.mktemp("ultralytics")
    command = [sys.executable, str(_RECORDER), str(out), "--models", "--long-side", "192"]
    environment = os.environ | {"YOLO_CONFIG_DIR": str(out)}
    subprocess.run(command, check=True, timeout=600, env=environment)
    return out


@pytest.fixture(params=["detect", "pose", "detect11", "pose11"])
def recorded(folder: Path, request: pytest.FixtureRequest) -> Recorded:
    """A detection or pose model of one face class, of YOLOv8 or YOLO11."""
    return _recorded(folder, request.param)


@pytest.fixture
def pose(folder: Path) -> Recorded:
    """One of them, where any will do."""
    return _recorded(folder, "pose")


def _recorded(folder: Path, name: str) -> Recorded:
    return Recorded(
        folder / f"{name}.pt",
        folder / f"{name}.onnx",
        np.ascontiguousarray(np.load(folder / "yolov8_image.npz")["image_rgb"]),
        json.loads((folder / f"{name}.json").read_text("utf-8")),
    )
