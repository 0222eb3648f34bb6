"""Ultralytics itself, with PyTorch, on a `.pt` file: no export.

A `.pt` file is a program that Python runs while it reads it. Ultralytics is told to take only the
classes that it knows, which is no sandbox. So a file is read where a person asked for it and
nowhere else: by `make import-model`, and with FACEPIPE_DETECTOR_RUNTIME=ultralytics.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelError
from facepipe.files.imaging import RgbImage
from facepipe.files.models import ModelFile, read_model
from landmark_service.faces import Detection
from landmark_service.yolo_output import MAX_CANDIDATES, roll_of_points

_TASKS = ("detect", "pose")
_SAFETY = {
    # Only classes that Ultralytics knows; what a user set stands above it.
    "ULTRALYTICS_SAFE_LOAD": "true",
    # Nothing is installed behind the user's back, nothing fetched, no usage reported.
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
}
_log = logging.getLogger(__name__)


class UltralyticsFaceDetector:
    """A YOLOv8 or YOLO11 detection or pose model of one class, as Ultralytics runs it.

    Args:
        path: the `.pt` file; `<file>.json` beside it may say which sha256 it has to have.
        long_side: pixels of the longer side of the input.
        threads: of PyTorch.
        device: "cpu" or "cuda".

    Raises:
        ModelNotFoundError: there is no such file.
        ModelCorruptError: the file does not match its record.
        ModelError: Ultralytics is not installed, or the file is no such model.
    """

    def __init__(
        self, path: Path, *, long_side: int = 640, threads: int = 1, device: str = "cpu"
    ) -> None:
        self._file: ModelFile = read_model(path)
        self._long_side = long_side
        self._device = device
        self._model = open_model(path)
        names = self._model.names
        if len(names) != 1:
            listed = ", ".join(list(names.values())[:5])
            raise ModelError(
                f"{path} knows {len(names)} classes ({listed}{', ...' * (len(names) > 5)}): "
                "a face model of one class is needed"
            )
        self._predict(np.zeros((64, 64, 3), np.uint8), 0.5, 0.5, 1.0)
        # Only now: the first prediction sets it to the cores of the host.
        _torch().set_num_threads(threads)

    @property
    def model(self) -> ModelInfo:
        return self._file.info

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        """See `FaceDetector.detect`; surest first."""
        result = self._predict(image_rgb, confidence, iou, zoom)
        corners = result.boxes.xyxy.cpu().numpy().tolist()
        sure = result.boxes.conf.cpu().numpy().tolist()
        rolls: list[float | None] = [None] * len(corners)
        if result.keypoints is not None:
            rolls = [roll_of_points(points) for points in result.keypoints.data.cpu().numpy()]
        return [
            Detection(x1, y1, x2, y2, min(1.0, one), roll)
            for (x1, y1, x2, y2), one, roll in zip(corners, sure, rolls, strict=True)
        ]

    def _predict(self, image_rgb: RgbImage, confidence: float, iou: float, zoom: float) -> Any:
        try:
            [result] = self._model.predict(
                np.ascontiguousarray(image_rgb[..., ::-1]),
                imgsz=max(32, round(self._long_side * zoom)),
                conf=confidence,
                iou=iou,
                max_det=MAX_CANDIDATES,
                device=self._device,
                verbose=False,
            )
        except Exception as error:  # PyTorch's and Ultralytics' errors have no common type
            raise ModelError(f"{self._file.name} cannot be run: {error}") from error
        return result


def open_model(path: Path) -> Any:
    """An `ultralytics.YOLO` of a detection or pose model; the log says that the file was read.

    Raises:
        ModelError: Ultralytics is not installed, or the file is no such model.
    """
    for name, value in _SAFETY.items():
        os.environ.setdefault(name, value)
    _torch()
    from ultralytics import YOLO

    _log.warning("reading %s: a .pt file can run code, use only files from people you trust", path)
    try:
        model = YOLO(path)
        task = str(model.task)
    except Exception as error:  # unpickling may raise anything
        raise ModelError(f"{path} cannot be read by Ultralytics: {error}") from error
    if task not in _TASKS:
        raise ModelError(f"{path} is a model for {task!r}, not for {' or '.join(_TASKS)}")
    return model


def _torch() -> Any:
    try:
        import torch
        import ultralytics  # noqa: F401 - one without the other is of no use
    except (ImportError, OSError) as error:  # the second: a library of PyTorch's is missing
        raise ModelError(
            "Ultralytics is not installed here: without Docker `make start` and `make "
            "import-model` install it, with Docker docker-compose.ultralytics.yml has it "
            f"({error})"
        ) from error
    return torch
