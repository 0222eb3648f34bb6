"""The detectors that `evaluate.py` sets side by side, behind one call.

A detector takes an image (H, W, 3, uint8, BGR) and gives boxes (n, 5, float32): x1, y1, x2, y2
in pixels of the image, and a score of 0-1, highest first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Detections = npt.NDArray[np.float32]
Detect = Callable[[Image], Detections]

LEAST_SCORE = 0.01
NMS_IOU = 0.6
GREY = 114


def sort(detections: npt.NDArray[Any]) -> Detections:
    """Order by score, highest first."""
    return np.asarray(detections[np.argsort(-detections[:, 4])], np.float32).reshape(-1, 5)


def suppress(corners: npt.NDArray[Any], scores: npt.NDArray[Any]) -> Detections:
    """Drop what scores too low or lies on a better box."""
    keep = scores > LEAST_SCORE
    corners, scores = corners[keep], scores[keep]
    sizes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    kept = np.array(cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), LEAST_SCORE, NMS_IOU), int)
    return sort(np.hstack([corners, scores[:, None]])[kept.ravel()])


def letterbox(image: Image, long_side: int, square: bool = False) -> tuple[Image, float]:
    """Scale the long side to `long_side` and pad right and below to multiples of 32."""
    scale = long_side / max(image.shape[:2])
    height, width = (max(1, round(edge * scale)) for edge in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shape = (long_side, long_side) if square else tuple(-(-e // 32) * 32 for e in (height, width))
    padded = np.full((*shape, 3), GREY, np.uint8)
    padded[:height, :width] = cv2.resize(image, (width, height), interpolation=method)
    return padded, scale


def decode(output: npt.NDArray[Any], scale: float) -> Detections:
    """Turn YOLOv8's (4+1+..., anchors) of xywh and score into detections."""
    centre, size = output[:2].T, output[2:4].T
    return suppress(np.hstack([centre - size / 2, centre + size / 2]) / scale, output[4])


def yolo_onnx(path: Path, long_side: int) -> Detect:
    """Load our own detector, or any YOLOv8 face detector in ONNX with dynamic input size."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def detect(image: Image) -> Detections:
        padded, scale = letterbox(image, long_side)
        blob = padded[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
        return decode(session.run(None, {"images": blob})[0][0], scale)

    return detect


def join(detectors: list[Detect]) -> Detect:
    """Put the boxes of several detectors together as `landmark_service` does with its passes."""
    from landmark_service.faces import Detection
    from landmark_service.pipeline import agree

    def detect(image: Image) -> Detections:
        passes = [[Detection(*row) for row in detector(image).tolist()] for detector in detectors]
        rows = [(d.x1, d.y1, d.x2, d.y2, d.confidence) for d in agree(passes)]
        return sort(np.array(rows, np.float32).reshape(-1, 5))

    return detect


def yolo_tflite(path: Path) -> Detect:
    """Load the int8 YOLOv8n-face, whose input is 640 x 640 and whose boxes are 0-1."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def detect(image: Image) -> Detections:
        padded, scale = letterbox(image, 640, square=True)
        values = padded[None, ..., ::-1].astype(np.float32) / 255
        step, zero = source["quantization"]
        if step:
            values = (values / step + zero).round().clip(-128, 127).astype(source["dtype"])
        interpreter.set_tensor(source["index"], values)
        interpreter.invoke()
        output = interpreter.get_tensor(target["index"])[0].astype(np.float32)
        step, zero = target["quantization"]
        output = (output - zero) * step if step else output
        output[:4] *= 640 if output[:4].max() < 4 else 1
        return decode(output, scale)

    return detect


def yunet(path: Path, long_side: int | None = None) -> Detect:
    """Load YuNet; at the image's own size unless told otherwise."""
    detector = cv2.FaceDetectorYN.create(str(path), "", (320, 320), LEAST_SCORE, NMS_IOU, 5000)

    def detect(image: Image) -> Detections:
        scale = 1.0 if long_side is None else long_side / max(image.shape[:2])
        resized = image if long_side is None else cv2.resize(image, None, fx=scale, fy=scale)
        detector.setInputSize((resized.shape[1], resized.shape[0]))
        found = detector.detect(resized)[1]
        if found is None:
            return np.zeros((0, 5), np.float32)  # type: ignore[unreachable]  # the stubs err
        corners = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]]) / scale
        return sort(np.hstack([corners, found[:, 14:15]]))

    return detect


def mediapipe_full_range() -> Detect:
    """Load the full-range BlazeFace that MediaPipe 0.10.21 carries."""
    from landmark_service.adapters.mediapipe_runtime import prepare

    detector = prepare().solutions.face_detection.FaceDetection(
        model_selection=1, min_detection_confidence=LEAST_SCORE
    )

    def detect(image: Image) -> Detections:
        height, width = image.shape[:2]
        rows = [
            (box.xmin * width, box.ymin * height, (box.xmin + box.width) * width,
             (box.ymin + box.height) * height, found.score[0])
            for found in detector.process(np.ascontiguousarray(image[..., ::-1])).detections or ()
            for box in (found.location_data.relative_bounding_box,)
        ]  # fmt: skip
        return sort(np.array(rows, np.float32).reshape(-1, 5))

    return detect


def landmark_service(path: Path, threshold: float | None = None) -> Detect:
    """Load our own as it is served, by its defaults; `threshold` lowers it for a curve."""
    pipeline = _pipeline(path, threshold, refined=True)

    def detect(image: Image) -> Detections:
        faces = pipeline.detect(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8))
        rows = [(*face.box.xyxy, face.confidence) for face in faces]
        return sort(np.array(rows, np.float32).reshape(-1, 5))

    return detect


def candidates_of(path: Path, threshold: float) -> Detect:
    """Load what every pass of our own says from a score on; images are RGB, order is by pass."""
    from landmark_service.pipeline import UNSURE

    pipeline = _pipeline(path, threshold / UNSURE, refined=False)

    def detect(image: Image) -> Detections:
        found = pipeline.candidates(image)
        rows = [(d.x1, d.y1, d.x2, d.y2, d.confidence) for d in found]
        return np.array(rows, np.float32).reshape(-1, 5)

    return detect


def _pipeline(path: Path, threshold: float | None, *, refined: bool) -> Any:
    from landmark_service.adapters.refiner import OnnxRefiner
    from landmark_service.adapters.yolov8 import YoloV8FaceDetector
    from landmark_service.pipeline import FacePipeline
    from landmark_service.settings import DetectorSettings

    settings = DetectorSettings() if threshold is None else DetectorSettings(confidence=threshold)
    refiner = OnnxRefiner(path.with_name("face_refiner.onnx")) if refined else None
    return FacePipeline(YoloV8FaceDetector(path), _NoLandmarks(), settings, refiner)  # type: ignore[arg-type]


class _NoLandmarks:
    """In the place of a landmarker: boxes alone are measured."""
