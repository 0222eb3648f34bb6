"""MediaPipe's real landmark graph, and the real fallback detector, on real portraits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facepipe.domain.analysis import PartError
from facepipe.domain.geometry import BoundingBox
from facepipe.files.imaging import RgbImage
from landmark_service.adapters.blazeface import BlazeFaceDetector
from landmark_service.adapters.mediapipe_landmarker import MediaPipeFaceLandmarker
from landmark_service.faces import Mesh
from landmark_service.mesh_geometry import inter_ocular_distance
from landmark_service.pipeline import BoxedFace, FacePipeline, cut_crops
from landmark_service.settings import DetectorSettings

from .photographs import PORTRAITS, box_around, needs_portraits, read, turned, turned_points

MIDDLE = BoundingBox(380, 380, 970, 1030)
"""Where the face is in each of the portraits, 1350 x 1350 pixels."""


@pytest.fixture(scope="module")
def landmarker() -> Iterator[MediaPipeFaceLandmarker]:
    model = MediaPipeFaceLandmarker()
    yield model
    model.close()


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    return BlazeFaceDetector()


@pytest.fixture(scope="module")
def pipeline(detector: BlazeFaceDetector, landmarker: MediaPipeFaceLandmarker) -> FacePipeline:
    return FacePipeline(detector, landmarker, DetectorSettings())


def found(landmarker: MediaPipeFaceLandmarker, image: RgbImage, box: BoundingBox) -> Mesh:
    mesh = landmarker.find(image, box)
    assert isinstance(mesh, Mesh), mesh
    assert mesh.points.shape == (478, 2)
    return mesh


@needs_portraits
@pytest.mark.parametrize("path", PORTRAITS[::5], ids=lambda path: path.stem)
def test_landmarks_turn_with_the_portrait(landmarker: MediaPipeFaceLandmarker, path: Path) -> None:
    # Given the landmarks of an upright portrait
    image = read(path)
    upright = found(landmarker, image, MIDDLE).points
    distance = inter_ocular_distance(upright)
    errors = {}
    for degrees in range(15, 360, 15):
        # When it is turned, and boxed as a detector boxes a turned face
        picture, matrix = turned(image, degrees)
        expected = turned_points(upright, matrix)
        mesh = found(landmarker, picture, box_around(expected, margin=0.05))
        # Then the landmarks have turned with it
        errors[degrees] = np.linalg.norm(mesh.points - expected, axis=1).mean() / distance
    assert max(errors.values()) < 0.05, errors


@needs_portraits
@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.25])
def test_tight_and_loose_boxes_give_the_same_landmarks(
    landmarker: MediaPipeFaceLandmarker, margin: float
) -> None:
    image = read(PORTRAITS[0])
    usual = found(landmarker, image, MIDDLE).points
    other = found(landmarker, image, box_around(usual, margin)).points
    moved = np.linalg.norm(other - usual, axis=1).mean() / inter_ocular_distance(usual)
    assert moved < 0.05


@needs_portraits
def test_a_close_up_cropped_through_the_forehead_has_landmarks(
    landmarker: MediaPipeFaceLandmarker,
) -> None:
    image = read(PORTRAITS[0])
    whole = found(landmarker, image, MIDDLE).points
    left, top, right, bottom = box_around(whole, margin=-0.05).xyxy
    close_up = np.ascontiguousarray(image[top:bottom, left:right])
    box = BoundingBox(0, 0, close_up.shape[1], close_up.shape[0])
    mesh = found(landmarker, close_up, box)
    moved = np.linalg.norm(mesh.points + np.array([left, top]) - whole, axis=1).mean()
    assert moved < 0.1 * inter_ocular_distance(whole)


@needs_portraits
def test_a_gray_portrait_has_landmarks(landmarker: MediaPipeFaceLandmarker) -> None:
    image = read(PORTRAITS[1])
    gray = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    usual = found(landmarker, image, MIDDLE).points
    moved = np.linalg.norm(found(landmarker, gray, MIDDLE).points - usual, axis=1).mean()
    assert moved < 0.05 * inter_ocular_distance(usual)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((1, 1, 3), np.uint8), id="one black pixel"),
        pytest.param(np.full((2, 700, 3), 200, np.uint8), id="a line"),
        pytest.param(np.full((300, 300, 3), 127, np.uint8), id="plain gray"),
        pytest.param(
            np.random.default_rng(1).integers(0, 255, (256, 256, 3)).astype(np.uint8), id="noise"
        ),
    ],
)
def test_where_there_is_no_face_none_is_found(
    pipeline: FacePipeline, landmarker: MediaPipeFaceLandmarker, image: RgbImage
) -> None:
    assert pipeline.detect(image) == []
    box = BoundingBox(0, 0, image.shape[1], image.shape[0])
    assert isinstance(landmarker.find(image, box), PartError)


@needs_portraits
@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_a_portrait_has_one_face_with_landmarks_inside_a_margin_of_its_box(
    pipeline: FacePipeline, path: Path
) -> None:
    image = read(path)
    part = pipeline.find_landmarks(image, pipeline.detect(image))
    [face] = part.faces
    assert face.landmarks_error is None
    points = np.array([(point.x, point.y) for point in face.landmarks])
    box = face.box
    margin = 0.5 * max(box.to_bounding_box().size)
    assert (points > (box.x1 - margin, box.y1 - margin)).all()
    assert (points < (box.x2 + margin, box.y2 + margin)).all()


@needs_portraits
def test_crops_of_a_turned_portrait_are_upright(
    pipeline: FacePipeline, landmarker: MediaPipeFaceLandmarker
) -> None:
    # Given a portrait that lies on its side, and a detector that saw its face
    image, matrix = turned(read(PORTRAITS[2]), 90)
    corners = turned_points(np.array([MIDDLE.xyxy[:2], MIDDLE.xyxy[2:]]), matrix)
    face = BoxedFace(box_around(corners), confidence=0.9, roll=None)
    # When its landmarks are found and it is cut
    [crop] = cut_crops(image, pipeline.find_landmarks(image, [face]))
    # Then the face in the crop stands upright
    mesh = found(landmarker, crop, BoundingBox(30, 30, 194, 194))
    assert abs(mesh.roll) < 0.1


@needs_portraits
def test_the_fallback_detector_tells_the_roll_from_the_eyes(detector: BlazeFaceDetector) -> None:
    image, _ = turned(read(PORTRAITS[3]), 20)
    [face] = detector.detect(image, confidence=0.5, iou=0.5)
    assert face.roll == pytest.approx(np.radians(20), abs=0.2)
