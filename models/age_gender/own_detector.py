"""Boxes and eye centres by the project's own detector and mesh, as landmark_service finds them.

Training and most figures stand on YuNet's boxes (see detect.py). Here the faces are found by
what runs: both passes of the detector, then MediaPipe's mesh, whose eyes turn the crop.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from detect import FOUND, MISSED, Faces
from facepipe.domain.analysis import DetectedFace
from facepipe.domain.geometry import eye_centers
from facepipe.files.imaging import RgbImage
from landmark_service.adapters.mediapipe_landmarker import MediaPipeFaceLandmarker
from landmark_service.adapters.refiner import OnnxRefiner
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.pipeline import FacePipeline
from landmark_service.settings import DetectorSettings
from prepare import read_rgb

_Located = tuple[tuple[int, ...], tuple[float, ...], int]

_pipeline: FacePipeline | None = None


def load_pipeline(detector: Path) -> FacePipeline:
    """Detector and mesh as landmark_service has them, on one thread."""
    cv2.setNumThreads(1)
    return FacePipeline(
        YoloV8FaceDetector(detector),
        MediaPipeFaceLandmarker(),
        DetectorSettings(),
        OnnxRefiner(detector.with_name("face_refiner.onnx")),
    )


def start(detector: Path) -> None:
    """Prepares a process of the pool."""
    global _pipeline
    _pipeline = load_pipeline(detector)


def locate_faces(detector: Path, paths: Sequence[Path], processes: int) -> Faces:
    """The main face of each image file; an image without one is taken whole."""
    with multiprocessing.Pool(processes, start, (detector,)) as pool:
        rows = pool.map(locate_face, paths, chunksize=16)
    return Faces(
        boxes=np.array([row[0] for row in rows], np.int32).reshape(-1, 4),
        eyes=np.array([row[1] for row in rows], np.float32).reshape(-1, 4),
        how=np.array([row[2] for row in rows], np.uint8),
    )


def locate_face(path: Path) -> _Located:
    """Box, eyes and `how` of the largest and most central face of an image file."""
    assert _pipeline is not None
    image = read_rgb(path)
    face = main_face(_pipeline, image)
    if face is None:
        return (0, 0, image.shape[1], image.shape[0]), (float("nan"),) * 4, MISSED
    return _with_eyes(face)


def main_face(pipeline: FacePipeline, image: RgbImage) -> DetectedFace | None:
    """The largest and most central face of an image, with its landmarks."""
    found = pipeline.detect(image)
    if not found:
        return None
    main = max(found, key=lambda face: _rank(face.box.xyxy, image))
    return pipeline.find_landmarks(image, [main]).faces[0]


def _with_eyes(face: DetectedFace) -> _Located:
    eyes = eye_centers([point.to_point() for point in face.landmarks])
    box = face.box.to_bounding_box().xyxy
    if eyes is None:
        return box, (float("nan"),) * 4, FOUND
    return box, (eyes[0].x, eyes[0].y, eyes[1].x, eyes[1].y), FOUND


def _rank(box: tuple[int, int, int, int], image: RgbImage) -> float:
    """As in detect.py: size less distance from the middle, in shares of the longer side."""
    height, width = image.shape[:2]
    off_center = np.hypot((box[0] + box[2] - width) / 2, (box[1] + box[3] - height) / 2)
    size = np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    return float((size - off_center) / max(width, height))
