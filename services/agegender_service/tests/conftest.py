from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agegender_service.weights import AGE_FILE, GENDER_FILE, Weights
from facepipe.models import read_model

from .tiny_models import save_model


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Callable[..., Weights]:
    """Writes both of DeepFace's files as tiny graphs into a folder, and reads them."""

    def build(folder: Path | None = None, age_classes: int = 101, genders: int = 2) -> Weights:
        folder = folder or tmp_path / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        save_model(folder / AGE_FILE, age_classes, seed=1)
        save_model(folder / GENDER_FILE, genders, seed=2)
        return Weights(read_model(folder / AGE_FILE), read_model(folder / GENDER_FILE))

    return build
