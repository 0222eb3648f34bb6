from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agegender_service.weights import AGE_FILE, GENDER_FILE, JOINT_FILE, Weights
from facepipe.files.models import read_model, write_record

from .tiny_models import save_joint, save_model


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Callable[..., Weights]:
    """Writes both of DeepFace's files as tiny graphs into a folder, and reads them."""

    def build(folder: Path | None = None, age_classes: int = 101, genders: int = 2) -> Weights:
        folder = folder or tmp_path / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        save_model(folder / AGE_FILE, age_classes, seed=1)
        save_model(folder / GENDER_FILE, genders, seed=2)
        models = [read_model(folder / name) for name in (AGE_FILE, GENDER_FILE)]
        for model in models:
            write_record(model)
        return Weights(*models)

    return build


@pytest.fixture
def tiny_joint(tmp_path: Path) -> Callable[..., Weights]:
    """Writes a tiny graph with both answers into a folder, as the project's own are."""

    def build(folder: Path | None = None, outputs: dict[str, int] | None = None) -> Weights:
        folder = folder or tmp_path / "joint"
        folder.mkdir(parents=True, exist_ok=True)
        save_joint(folder / JOINT_FILE, outputs)
        model = read_model(folder / JOINT_FILE)
        write_record(model)
        return Weights(model, model)

    return build
