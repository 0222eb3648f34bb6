"""The project's refiner under onnxruntime: a second look at each box of its detector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelError
from facepipe.files.imaging import RgbImage
from facepipe.files.models import ModelFile, read_recorded_model
from landmark_service.adapters.onnx_session import open_session
from landmark_service.adapters.resizing import GRAY
from landmark_service.faces import Detection, FloatArray

BATCH = 256
"""Candidates in one run: 7 MB of pixels."""
IN_DOUBT = (0.3, 0.9)
"""What is between these likely to be a face is looked at again, its better box in the middle."""
COARSE = 4
"""Of a region larger than this many times the crop each n-th pixel is enough to average."""


class OnnxRefiner:
    """Says anew of each candidate whether it is a face, and where its edges are.

    The graph takes `crops`, float32 `(n, 3, side, side)`, RGB, 0-1, and `candidates`, float32
    `(n, 5)`: x1, y1, x2, y2 in pixels of the image, confidence. It gives `refined`, the same
    shape. Its metadata `context` says how many times its longer side a candidate is seen.

    Args:
        path: the ONNX file; its record stands beside it.
        threads: of onnxruntime.
        device: "cpu" or "cuda".
        in_doubt: see `IN_DOUBT`.

    Raises:
        ModelNotFoundError: there is no such file, or no record of it.
        ModelCorruptError: the file does not match its record.
        ModelError: it is no refiner.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        device: str = "cpu",
        in_doubt: tuple[float, float] = IN_DOUBT,
    ) -> None:
        self._file: ModelFile = read_recorded_model(path)
        self._session = open_session(path, threads, device)
        self._in_doubt = in_doubt
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            self._context = float(json.loads(metadata["context"]))
            self._side = int(self._session.get_inputs()[0].shape[2])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelError(f"{path} is no refiner of this project") from error

    @property
    def model(self) -> ModelInfo:
        return self._file.info

    def refine(self, image_rgb: RgbImage, candidates: Sequence[Detection]) -> list[Detection]:
        """See `FaceRefiner.refine`."""
        refined: list[Detection] = []
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH]
            refined += [
                replace(one, x1=x1, y1=y1, x2=x2, y2=y2, confidence=confidence)
                for one, (x1, y1, x2, y2, confidence) in zip(
                    part, self._refined(image_rgb, part).tolist(), strict=True
                )
            ]
        return refined

    def _refined(self, image_rgb: RgbImage, candidates: Sequence[Detection]) -> FloatArray:
        rows = np.array([(d.x1, d.y1, d.x2, d.y2, d.confidence) for d in candidates], np.float32)
        answer = self._look(image_rgb, rows)
        least, most = self._in_doubt
        again = (answer[:, 4] >= least) & (answer[:, 4] < most)
        if again.any():
            first = answer[again]
            second = self._look(image_rgb, np.hstack([first[:, :4], rows[again, 4:]]))
            second[:, 4] = _between(first[:, 4], second[:, 4])
            answer[again] = second
        return answer

    def _look(self, image_rgb: RgbImage, rows: FloatArray) -> FloatArray:
        crops = np.stack(
            [square_crop(image_rgb, row, self._context, self._side)[0] for row in rows]
        )
        pixels = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / 255
        try:
            answer = self._session.run(["refined"], {"crops": pixels, "candidates": rows})[0]
        except Exception as error:  # onnxruntime's errors have no common type of their own
            raise ModelError(f"{self._file.name} cannot be run: {error}") from error
        return np.array(answer, np.float32)


def _between(first: FloatArray, second: FloatArray) -> FloatArray:
    """The probabilities whose log odds are the means of two."""
    odds = [p / (1 - p) for p in (first.clip(1e-6, 1 - 1e-6), second.clip(1e-6, 1 - 1e-6))]
    mean = np.sqrt(odds[0] * odds[1])
    return np.asarray(mean / (1 + mean), np.float32)


def square_crop(
    image_rgb: RgbImage, box: npt.NDArray[np.floating], context: float, side: int
) -> tuple[RgbImage, tuple[int, int, int]]:
    """A square with a box in its middle, `context` times as long as the longer side of the box.

    Args:
        image_rgb: shape `(height, width, 3)`, uint8.
        box: x1, y1, x2, y2 in pixels of the image, and whatever follows.
        context: how much of its surroundings is seen.
        side: of the crop, pixels.

    Returns:
        shape `(side, side, 3)`, uint8, grey where the square leaves the image; and left, top and
        length of the square in pixels of the image.
    """
    x1, y1, x2, y2 = map(float, box[:4])
    length = max(2, round(max(x2 - x1, y2 - y1) * context))
    left, top = round((x1 + x2 - length) / 2), round((y1 + y2 - length) / 2)
    right, bottom = left + length, top + length
    height, width = image_rgb.shape[:2]
    step = max(1, length // (COARSE * side))
    rows, columns = (
        slice(max(0, top), max(0, bottom), step),
        slice(max(0, left), max(0, right), step),
    )
    part = image_rgb[rows, columns]
    if part.size == 0:
        return np.full((side, side, 3), GRAY, np.uint8), (left, top, length)
    over, under = max(0, -top) // step, max(0, bottom - height) // step
    before, after = max(0, -left) // step, max(0, right - width) // step
    if over or under or before or after:
        part = np.pad(part, ((over, under), (before, after), (0, 0)), constant_values=GRAY)
    method = cv2.INTER_AREA if length > side else cv2.INTER_LINEAR
    crop = np.asarray(cv2.resize(part, (side, side), interpolation=method), np.uint8)
    return crop, (left, top, length)
