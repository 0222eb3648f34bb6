"""Reading the output of a YOLOv8 detection or pose model exported by Ultralytics. Pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import Point
from landmark_service.faces import FloatArray
from landmark_service.nms import non_maximum_suppression
from landmark_service.roll import roll_of_eyes

MAX_CANDIDATES = 3000
_FACE_POINTS = 5
_MIN_VISIBILITY = 0.5


@dataclass(frozen=True, slots=True)
class YoloLayout:
    """What the channels of the output are: 4 of the box, then classes, then keypoints.

    Attributes:
        classes: number of classes.
        faces: which of them are faces.
        points: number of keypoints.
        point_values: values a keypoint: 2 `(x, y)` or 3 `(x, y, visibility)`.
    """

    classes: int
    faces: tuple[int, ...]
    points: int = 0
    point_values: int = 3

    @property
    def channels(self) -> int:
        return 4 + self.classes + self.points * self.point_values


@dataclass(frozen=True, slots=True)
class YoloFaces:
    """Faces in pixels of the input, surest first.

    Attributes:
        xyxy: shape `(n, 4)`.
        confidence: shape `(n,)`, 0-1.
        points: shape `(n, points, point_values)`.
    """

    xyxy: FloatArray
    confidence: FloatArray
    points: FloatArray


def layout_of(metadata: Mapping[str, str], channels: int) -> YoloLayout:
    """The layout of a model from the metadata that Ultralytics writes into the ONNX file.

    Without metadata 20 channels are taken for one class with five points, and any other
    number for classes alone.

    Args:
        metadata: `names` is `{0: 'face'}`, `kpt_shape` of a pose model is `[5, 3]`.
        channels: of the output.

    Raises:
        ModelError: the channels do not fit the metadata, or no detector.
    """
    try:
        names = dict(ast.literal_eval(metadata.get("names", "{}")))
        points, values = ast.literal_eval(metadata.get("kpt_shape", "(0, 3)"))
    except (ValueError, SyntaxError, TypeError) as error:
        raise ModelError(f"the metadata of the detector cannot be read: {error}") from error
    if not names and channels == 4 + 1 + 3 * _FACE_POINTS:
        return YoloLayout(1, (0,), _FACE_POINTS)
    classes = len(names) or channels - 4
    named = tuple(index for index, name in names.items() if "face" in str(name).lower())
    layout = YoloLayout(classes, named or tuple(range(classes)), int(points), int(values))
    if classes < 1 or layout.channels != channels:
        raise ModelError(
            f"the detector has {channels} output channels where YOLOv8 with {classes} classes "
            f"and {points} keypoints has {layout.channels}: export a YOLOv8 face model with "
            "Ultralytics, format onnx, without nms"
        )
    return layout


def decode(output: FloatArray, layout: YoloLayout, confidence: float, iou: float) -> YoloFaces:
    """The faces in one raw output.

    Args:
        output: shape `(channels, anchors)`: centre, width and height in input pixels, then
            confidences (0-1) by class, then keypoints.
        layout: of the channels.
        confidence: least confidence.
        iou: overlap above which two boxes are one face.
    """
    classes = output[4 : 4 + layout.classes]
    scores = classes[list(layout.faces)].max(axis=0)
    sure = np.flatnonzero(scores > confidence)
    if len(sure) > MAX_CANDIDATES:
        sure = sure[np.argsort(-scores[sure], kind="stable")[:MAX_CANDIDATES]]
    center, half = output[:2, sure].T, output[2:4, sure].T / 2
    xyxy = np.concatenate([center - half, center + half], axis=1)
    kept = non_maximum_suppression(xyxy, scores[sure], iou)
    points = output[4 + layout.classes :, sure[kept]].T
    return YoloFaces(
        xyxy=xyxy[kept],
        confidence=scores[sure[kept]],
        points=points.reshape(len(kept), layout.points, layout.point_values),
    )


def roll_of_points(points: FloatArray) -> float | None:
    """Roll of a face from its keypoints: two eyes, nose, two mouth corners.

    Whether a model calls the subject's right or left eye the first does not matter: the mouth
    tells which way is down.

    Args:
        points: shape `(5, 2)` or `(5, 3)`, in an image with square pixels.

    Returns:
        Radians, clockwise; None without five points that are seen and lie apart.
    """
    if len(points) != _FACE_POINTS:
        return None
    if points.shape[1] == 3 and float(points[:2, 2].min()) < _MIN_VISIBILITY:
        return None
    first, second = (Point(*map(float, point[:2])) for point in points[:2])
    mouth = Point(*map(float, points[3:5, :2].mean(axis=0)))
    return roll_of_eyes(first, second, mouth)
