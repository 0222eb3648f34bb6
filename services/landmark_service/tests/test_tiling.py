from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.domain.analysis import ModelInfo
from facepipe.domain.geometry import ImageSize
from facepipe.files.imaging import RgbImage
from landmark_service.faces import Detection
from landmark_service.pipeline import FacePipeline
from landmark_service.settings import DetectorSettings
from landmark_service.tiling import MAX_TILES, OVERLAP, Tile, detect_in_tiles, tiles

from .test_pipeline import FakeLandmarker

# A quarter of the usual input, so that a photograph of 12 megapixels is one of 0.75.
LONG_SIDE = 160


@dataclass
class PaintedFaces:
    """Finds squares of one colour each, if they are shown large enough; black is background."""

    least_px: float = 7.0
    passes: int = 0
    model: ModelInfo = field(default_factory=lambda: ModelInfo(name="painted", sha256="0" * 64))

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        self.passes += zoom == 1.0
        scale = zoom * LONG_SIDE / max(image_rgb.shape[:2])
        found = []
        for colour in set(np.unique(image_rgb[..., 0]).tolist()) - {0}:
            rows, columns = np.nonzero(image_rgb[..., 0] == colour)
            x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            if max(x2 - x1, y2 - y1) * scale >= self.least_px:
                found.append(Detection(float(x1), float(y1), float(x2), float(y2), 0.8))
        return found


def painted(size: tuple[int, int], faces: list[tuple[int, int, int]]) -> RgbImage:
    image: RgbImage = np.zeros((size[1], size[0], 3), np.uint8)
    for colour, (x, y, side) in enumerate(faces, start=1):
        image[y : y + side, x : x + side] = colour
    return image


def pipeline(mode: str) -> tuple[FacePipeline, PaintedFaces]:
    detector = PaintedFaces()
    settings = DetectorSettings.model_validate({"mode": mode, "long_side": LONG_SIDE})
    return FacePipeline(detector, FakeLandmarker([]), settings), detector


@pytest.mark.parametrize("mode", ["auto", "thorough"])
def test_small_faces_of_a_large_photograph_are_found_once_each(mode: str) -> None:
    # Given faces of 24 px in a large photograph, in a row across every seam between tiles
    faces = [(x, 300 + x // 20, 24) for x in range(10, 950, 37)]
    subject, _ = pipeline(mode)
    # When the photograph is searched
    found = subject.detect(painted((1000, 750), faces))
    # Then each face is found, whole and once
    boxes = sorted(one.box.xyxy for one in found)
    assert boxes == sorted((x, y, x + side, y + side) for x, y, side in faces)


def test_fast_does_not_look_closer() -> None:
    subject, detector = pipeline("fast")
    assert subject.detect(painted((1000, 750), [(100, 100, 24)])) == []
    assert detector.passes == 1


def test_a_large_portrait_is_not_looked_at_closer() -> None:
    subject, detector = pipeline("auto")
    assert len(subject.detect(painted((1000, 750), [(300, 200, 225)]))) == 1
    assert detector.passes == 1


def test_a_photograph_of_ordinary_size_is_not_looked_at_closer() -> None:
    subject, detector = pipeline("auto")
    subject.detect(painted((337, 337), [(100, 100, 24)]))
    assert detector.passes == 1


def test_only_where_a_small_face_is_suspected_is_looked_at_closest() -> None:
    # Given one small face in a corner
    subject, detector = pipeline("auto")
    # When it is found
    assert len(subject.detect(painted((1000, 750), [(60, 60, 24)]))) == 1
    # Then one tile of the finest level was enough, after the whole image and the level between
    between = len(tiles(ImageSize(1000, 750), 500))
    assert detector.passes == 1 + between + 1


def test_thorough_finds_what_nothing_gave_away() -> None:
    # Given a face too small to be suspected where auto stops to search everywhere
    image = painted((1000, 750), [(60, 60, 14)])
    # Then only the thorough mode finds it
    assert pipeline("auto")[0].detect(image) == []
    assert len(pipeline("thorough")[0].detect(image)) == 1


def test_the_number_of_searched_is_bounded() -> None:
    searched = 0

    def detect(tile: Tile) -> list[Detection]:
        nonlocal searched
        searched += 1
        return []

    detect_in_tiles(detect, ImageSize(7500, 7500), [], long_side=LONG_SIDE, sure=0.5)
    assert 0 < searched <= MAX_TILES


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(300, 2000), st.data())
def test_what_is_no_larger_than_the_overlap_is_whole_in_a_tile(
    width: int, height: int, side: int, data: st.DataObject
) -> None:
    image = ImageSize(width, height)
    largest = max(1, int(OVERLAP * side) - 2)
    w, h = (data.draw(st.integers(1, min(largest, edge))) for edge in image)
    x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
    holding = [
        tile
        for tile in tiles(image, side)
        if tile.x <= x and tile.y <= y
        and x + w <= tile.x + tile.width and y + h <= tile.y + tile.height
    ]  # fmt: skip
    assert holding


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(300, 2000))
def test_tiles_lie_inside_the_image(width: int, height: int, side: int) -> None:
    for tile in tiles(ImageSize(width, height), side):
        assert tile.x >= 0
        assert tile.y >= 0
        assert tile.x + tile.width <= width
        assert tile.y + tile.height <= height
