"""How far an age moves when the same portrait is encoded or scaled anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from answers import Session, run
from facepipe.files.imaging import RgbImage, cut_face_crop
from own_detector import load_pipeline, main_face
from prepare import read_rgb

QUALITIES = (95, 80, 60, 40)
SCALES = (0.5, 0.75, 1.25, 1.5)


def measure_stability(folder: Path, detector: Path, graph: Session) -> dict[str, float]:
    """Standard deviation of the age over the versions of each portrait, in years.

    Each version is found and cut by itself, by the pipeline's code; one without a face counts as
    lost.
    """
    pipeline = load_pipeline(detector)
    deviations: list[float] = []
    lost = 0
    for path in sorted(folder.glob("*.jpg")):
        crops: list[RgbImage] = []
        for image in versions(read_rgb(path)):
            face = main_face(pipeline, image)
            if face is None:
                lost += 1
                continue
            points = [point.to_point() for point in face.landmarks]
            crops.append(cut_face_crop(image, face.box.to_bounding_box(), points))
        ages, _ = run(graph, np.stack(crops))
        deviations.append(float(np.std(ages @ np.arange(ages.shape[1]))))
    return {
        "faces": len(deviations),
        "versions": 1 + len(QUALITIES) + len(SCALES),
        "lost": lost,
        "sd_mean": round(float(np.mean(deviations)), 2),
        "sd_worst": round(max(deviations), 2),
    }


def versions(image: RgbImage) -> Iterator[RgbImage]:
    """The image as it is, as JPEG of several qualities, and in several sizes."""
    yield image
    for quality in QUALITIES:
        _, data = cv2.imencode(".jpg", image[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        yield np.ascontiguousarray(decoded[:, :, ::-1], dtype=np.uint8)
    for scale in SCALES:
        smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        yield np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=smaller), np.uint8
        )
