from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepipe.domain.errors import ModelError, ModelNotFoundError
from facepipe.files.imaging import RgbImage
from facepipe.files.models import read_model, write_record
from landmark_service.adapters.refiner import BATCH, OnnxRefiner, square_crop
from landmark_service.adapters.resizing import GRAY
from landmark_service.faces import Detection

from .tiny_models import save_refiner, save_yolo

CONTEXT, SIDE = 1.5, 48


@pytest.fixture
def refiner(tmp_path: Path) -> OnnxRefiner:
    """One that is as sure as its crop is bright, moves each box by ten pixels, and looks once."""
    path = save_refiner(tmp_path / "face_refiner.onnx")
    write_record(read_model(path))
    return OnnxRefiner(path, in_doubt=(1, 1))


def white_square(size: int, left: int, top: int, side: int) -> RgbImage:
    image = np.zeros((size, size, 3), np.uint8)
    image[top : top + side, left : left + side] = 255
    return image


def test_a_candidate_is_seen_with_its_surroundings_and_keeps_its_roll(
    refiner: OnnxRefiner,
) -> None:
    # Given a white face in black, and a candidate round it
    image = white_square(200, 80, 60, 40)
    candidate = Detection(80, 60, 120, 100, 0.1, roll=0.3)
    # When it is refined
    (refined,) = refiner.refine(image, [candidate])
    # Then the face fills its share of the square, and the box is the model's
    assert refined.confidence == pytest.approx(1 / CONTEXT**2, abs=0.02)
    assert (refined.x1, refined.y1, refined.x2, refined.y2) == (90, 70, 130, 110)
    assert refined.roll == 0.3


def test_what_is_in_doubt_is_looked_at_again_where_it_was_found_to_be(
    refiner: OnnxRefiner, tmp_path: Path
) -> None:
    # Given a candidate ten pixels beside a white face, one in the dark, and one that is all white
    image = white_square(200, 80, 60, 40)
    beside, nothing = Detection(70, 50, 110, 90, 0.1), Detection(10, 150, 40, 180, 0.1)
    sure = Detection(95, 75, 105, 85, 0.1)
    once = refiner.refine(image, [beside, nothing, sure])
    there = refiner.refine(image, [Detection(80, 60, 120, 100, 0.1)])[0].confidence
    # When it is looked at twice
    again = OnnxRefiner(tmp_path / "face_refiner.onnx").refine(image, [beside, nothing, sure])
    # Then the box is moved twice, and how sure it is lies between both looks, by log odds
    assert again[0].x1 == once[0].x1 + 10 == beside.x1 + 20
    odds = [p / (1 - p) for p in (once[0].confidence, there, again[0].confidence)]
    assert odds[2] == pytest.approx((odds[0] * odds[1]) ** 0.5, rel=1e-3)
    # And what is no face, or surely one, is left at one look
    assert again[1:] == once[1:]


@pytest.mark.parametrize("side", [8, 48, 300, 1500], ids=lambda side: f"{side} px")
def test_a_face_of_any_size_is_seen_alike(refiner: OnnxRefiner, side: int) -> None:
    image = white_square(2400, 400, 420, side)
    (refined,) = refiner.refine(image, [Detection(400, 420, 400 + side, 420 + side, 0.5)])
    assert refined.confidence == pytest.approx(1 / CONTEXT**2, abs=0.03)


def test_beyond_the_edges_of_the_image_it_is_grey(refiner: OnnxRefiner) -> None:
    # Given candidates that leave a white image by half and by all
    image = np.full((100, 100, 3), 255, np.uint8)
    half, outside = Detection(-50, 0, 50, 100, 0.5), Detection(300, 0, 340, 40, 0.5)
    # When they are refined
    confidences = [one.confidence for one in refiner.refine(image, [half, outside])]
    # Then the rest is grey, and nothing fails
    white = (75 / 150) * (100 / 150)
    assert confidences[0] == pytest.approx(white + (1 - white) * GRAY / 255, abs=0.02)
    assert confidences[1] == pytest.approx(GRAY / 255, abs=1e-4)


def test_more_than_a_batch_stays_in_order(refiner: OnnxRefiner) -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    many = [Detection(at, 0, at + 9, 9, 0.5) for at in range(2 * BATCH + 3)]
    assert [one.x1 for one in refiner.refine(image, many)] == [one.x1 + 10 for one in many]
    assert refiner.refine(image, []) == []


def test_the_square_is_told_in_pixels_of_the_image() -> None:
    image = white_square(100, 40, 40, 20)
    crop, square = square_crop(image, np.array([40, 40, 60, 60]), CONTEXT, SIDE)
    assert crop.shape == (SIDE, SIDE, 3)
    assert square == (35, 35, 30)


def test_what_is_no_refiner_is_refused(tmp_path: Path) -> None:
    detector = save_yolo(tmp_path / "yolo.onnx", np.array([[64], [64], [32], [48], [0.9]]))
    silent = save_refiner(tmp_path / "silent.onnx", metadata={"names": "?"})
    with pytest.raises(ModelNotFoundError):
        OnnxRefiner(detector)
    for path in (detector, silent):
        write_record(read_model(path))
        with pytest.raises(ModelError, match="no refiner"):
            OnnxRefiner(path)
