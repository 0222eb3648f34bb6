"""The roles of this service, and what passes between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from facepipe.domain.analysis import ModelInfo, PartError
from facepipe.domain.geometry import BoundingBox
from facepipe.files.imaging import RgbImage

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as a detector sees it: pixels of the image, not yet rounded or clipped.

    Attributes:
        confidence: 0-1.
        roll: radians, clockwise in the image, where the detector finds eyes; else None.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    confidence: float
    roll: float | None = None


@dataclass(frozen=True, slots=True)
class Mesh:
    """Landmarks of one face.

    Attributes:
        points: shape `(478, 2)`, float32, pixels of the image.
        roll: of the eye line, radians, clockwise in the image.
    """

    points: FloatArray
    roll: float


class FaceDetector(Protocol):
    """Finds faces in an image."""

    @property
    def model(self) -> ModelInfo: ...

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        """The faces of an image, each once, in any order.

        Args:
            image_rgb: shape `(height, width, 3)`, uint8, RGB.
            confidence: least confidence, 0-1.
            iou: overlap above which two boxes are one face.
            zoom: at less than 1 the image is seen from so much further away. A face larger
                than the ones a detector was trained on is found at 0.35.

        Raises:
            ModelError: the model cannot be run.
        """
        ...


class FaceRefiner(Protocol):
    """Looks at each face that a detector may have found a second time."""

    @property
    def model(self) -> ModelInfo: ...

    def refine(self, image_rgb: RgbImage, candidates: Sequence[Detection]) -> list[Detection]:
        """The candidates in their order, with better edges and a better confidence.

        Args:
            image_rgb: shape `(height, width, 3)`, uint8, RGB.
            candidates: pixels of the image.

        Raises:
            ModelError: the model cannot be run.
        """
        ...


class FaceLandmarker(Protocol):
    """Finds the landmarks of a face whose box is known."""

    @property
    def model(self) -> ModelInfo: ...

    def find(
        self,
        image_rgb: RgbImage,
        box: BoundingBox,
        roll: float | None = None,
        expected_roll: float = 0.0,
        *,
        thorough: bool = True,
    ) -> Mesh | PartError:
        """The landmarks of one face, or why there are none.

        Args:
            image_rgb: shape `(height, width, 3)`, uint8, RGB.
            box: the face, pixels of the image.
            roll: as the detector saw it, radians, clockwise; None if it does not say.
            expected_roll: the likeliest roll without such knowledge, e.g. that of other faces
                of the same image.
            thorough: whether any other roll is tried, which costs up to ten times as much.

        Raises:
            ModelError: the model cannot be run.
        """
        ...
