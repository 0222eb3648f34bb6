"""YOLOv8 face models, exported to ONNX by Ultralytics, under onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import ImageSize
from facepipe.files.imaging import RgbImage
from facepipe.files.models import ModelFile, read_model
from landmark_service.adapters.onnx_session import open_session
from landmark_service.adapters.resizing import shrink_into
from landmark_service.faces import Detection, FloatArray
from landmark_service.letterbox import Letterbox, fit_fixed, fit_long_side
from landmark_service.yolo_output import YoloFaces, decode, layout_of, roll_of_points


class YoloV8FaceDetector:
    """A YOLOv8 detection model, or a pose model with five points, from an ONNX file.

    Files exported with `dynamic=True` see a landscape as a landscape, without gray bars;
    others see every image letterboxed into the size they were exported with.

    Args:
        path: the ONNX file; `<file>.json` beside it may say which sha256 it has to have.
        long_side: pixels of the longer side of the input.
        threads: of onnxruntime.
        device: "cpu" or "cuda".

    Raises:
        ModelNotFoundError: there is no such file.
        ModelCorruptError: the file does not match its record.
        ModelError: it is no YOLOv8 model that onnxruntime can run.
    """

    def __init__(
        self, path: Path, *, long_side: int = 640, threads: int = 1, device: str = "cpu"
    ) -> None:
        self._file: ModelFile = read_model(path)
        self._long_side = long_side
        self._session = open_session(path, threads, device)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._input_name, self._output_name = inputs[0].name, outputs[0].name
        self._fixed = _fixed_size(inputs[0].shape)
        metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self._layout = layout_of(metadata, self._channels(outputs[0].shape))

    @property
    def model(self) -> ModelInfo:
        return self._file.info

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        """See `FaceDetector.detect`; surest first."""
        size = ImageSize(image_rgb.shape[1], image_rgb.shape[0])
        if self._fixed is None:
            letterbox = fit_long_side(size, round(self._long_side * zoom))
        else:
            letterbox = fit_fixed(size, self._fixed, zoom)
        output = self._run(shrink_into(image_rgb, letterbox))
        return from_yolo(decode(output, self._layout, confidence, iou), letterbox)

    def _run(self, picture: RgbImage) -> FloatArray:
        tensor = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / 255
        try:
            answer = self._session.run([self._output_name], {self._input_name: tensor})
        except Exception as error:  # onnxruntime's errors have no common type of their own
            raise ModelError(f"{self._file.name} cannot be run: {error}") from error
        output: FloatArray = np.asarray(answer[0][0], np.float32)
        return output

    def _channels(self, shape: list[Any]) -> int:
        """Channels of the output; a trial run tells where the file does not."""
        if len(shape) != 3:
            raise ModelError(f"{self._file.name} has an output of {len(shape)} dimensions, not 3")
        if isinstance(shape[1], int):
            return shape[1]
        width, height = self._fixed or (self._long_side, self._long_side)
        return len(self._run(np.zeros((height, width, 3), np.uint8)))


def from_yolo(faces: YoloFaces, letterbox: Letterbox) -> list[Detection]:
    """Faces in pixels of the input, as faces in pixels of the image."""
    corners = letterbox.to_image(faces.xyxy.reshape(-1, 2, 2)).reshape(-1, 4).tolist()
    return [
        Detection(x1, y1, x2, y2, min(1.0, float(confidence)), roll_of_points(points))
        for (x1, y1, x2, y2), confidence, points in zip(
            corners, faces.confidence, faces.points, strict=True
        )
    ]


def _fixed_size(shape: list[Any]) -> ImageSize | None:
    """Size of the input of a file exported without `dynamic=True`."""
    if len(shape) != 4 or (shape[1] not in (3, None) and isinstance(shape[1], int)):
        raise ModelError(f"the detector's input is {shape}, not (n, 3, height, width)")
    height, width = shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return ImageSize(width, height)
    return None
