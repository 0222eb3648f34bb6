"""The order in which detector models are looked for. Loads none of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from facepipe.domain.errors import ModelError, ModelNotFoundError
from facepipe.files.models import project_models_dir, read_model, read_recorded_model
from landmark_service.settings import BLAZEFACE, LandmarkSettings


def chosen_model(settings: LandmarkSettings) -> Path | Literal["blazeface"]:
    """What the setting names, else the user's file, else the project's own; verified.

    A file that is there is used or is an error: whoever put it there should hear of it.

    Raises:
        ModelNotFoundError: there is none where it should be; the message names the places.
        ModelCorruptError: the file does not match its record.
        ModelError: two settings contradict each other.
    """
    named = settings.detector.model
    if settings.detector.runtime == "ultralytics":
        return _weights_file(named or settings.volumes.models / "model.pt")
    if named == BLAZEFACE:
        return BLAZEFACE
    path = named or _usual_model(settings)
    read_model(path)
    return path


def own_detector(settings: LandmarkSettings) -> Path:
    """Where the project's own detector is."""
    return project_models_dir(settings) / "face_detector" / "face_detector.onnx"


def refiner_of(own: Path) -> Path:
    """Where the refiner of the project's own detector is."""
    return own.with_name("face_refiner.onnx")


def _weights_file(path: Path | str) -> Path:
    """What Ultralytics is to run; verified."""
    path = Path(path)
    if path.suffix != ".pt":
        raise ModelError(
            f"FACEPIPE_DETECTOR_RUNTIME=ultralytics runs a .pt file, and "
            f"FACEPIPE_DETECTOR_MODEL={path} is none: take one of the two settings away"
        )
    read_model(path)
    return path


def _usual_model(settings: LandmarkSettings) -> Path:
    users = settings.volumes.models / "model.onnx"
    if os.path.lexists(users):  # a link to nowhere is meant to be used, too
        return users
    unexported = users.with_suffix(".pt")
    if os.path.lexists(unexported):
        raise ModelNotFoundError(
            f"{unexported} is not exported: import it once, which writes {users.name} "
            "beside it (`make import-model`, or `docker compose --profile models run --rm "
            "import-model`), or take the file away to use the project's own detector"
        )
    own = own_detector(settings)
    if not own.exists():
        raise ModelNotFoundError(
            f"no face detector: looked for {users} and {own}. The second comes with the project "
            f"(FACEPIPE_MODEL_DIR names another folder); FACEPIPE_DETECTOR_MODEL={BLAZEFACE} "
            "does without it, and finds large faces only"
        )
    read_recorded_model(own)
    read_recorded_model(refiner_of(own))
    return own
