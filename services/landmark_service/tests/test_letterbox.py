from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.domain.geometry import ImageSize
from landmark_service.adapters.resizing import GRAY, shrink_into
from landmark_service.letterbox import STRIDE, Letterbox, fit_fixed, fit_long_side

SIZES = st.builds(ImageSize, st.integers(1, 5000), st.integers(1, 5000))
LONG_SIDES = st.integers(64, 2000)
ZOOMS = st.sampled_from([1.0, 0.5, 0.3])


@given(SIZES, LONG_SIDES)
@example(ImageSize(20_000, 1), 640)
@example(ImageSize(1, 1), 640)
def test_a_rectangular_input_is_whole_strides_and_hardly_larger_than_the_image(
    image: ImageSize, long_side: int
) -> None:
    box = fit_long_side(image, long_side)
    assert box.input.width % STRIDE == box.input.height % STRIDE == 0
    assert max(box.input) == -(-long_side // STRIDE) * STRIDE
    for axis in (0, 1):
        assert box.scaled[axis] <= box.input[axis]
        assert box.input[axis] - box.scaled[axis] < STRIDE


@given(SIZES, LONG_SIDES, st.integers(0, 2**32 - 1))
def test_the_way_there_and_back_is_no_way(image: ImageSize, long_side: int, seed: int) -> None:
    box = fit_long_side(image, long_side)
    points = np.random.default_rng(seed).uniform(0, image, (7, 2)).astype(np.float32)
    there = box.to_input(points)
    np.testing.assert_allclose(box.to_image(there), points, atol=max(image) * 1e-4)


@given(SIZES, ZOOMS)
def test_the_corners_of_the_image_lie_at_the_corners_of_its_place(
    image: ImageSize, zoom: float
) -> None:
    for box in (fit_long_side(image, 640), fit_fixed(image, ImageSize(640, 480), zoom)):
        first, last = box.to_input(np.array([[0, 0], list(image)], np.float32))
        place = np.array([box.left, box.top])
        np.testing.assert_allclose(first, place, atol=1e-3)
        np.testing.assert_allclose(last, place + box.scaled, atol=1e-2)
        assert (place >= 0).all()
        assert (place + box.scaled <= box.input).all()


def test_a_landscape_is_not_padded_to_a_square() -> None:
    image, scaled, whole = ImageSize(1920, 1080), ImageSize(640, 360), ImageSize(640, 384)
    assert fit_long_side(image, 640) == Letterbox(image, scaled, whole, left=0, top=12)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (500, 281, 3), (700, 700, 3)])
@pytest.mark.parametrize("long_side", [320, 160])
def test_the_picture_is_the_image_in_a_gray_border(shape: tuple[int, ...], long_side: int) -> None:
    # Given a white image
    image = np.full(shape, 255, np.uint8)
    box = fit_long_side(ImageSize(shape[1], shape[0]), long_side)
    # When it is brought into the input
    picture = shrink_into(image, box)
    # Then its place is white, all else is gray, and the image is as it was
    assert picture.shape == (box.input.height, box.input.width, 3)
    white = (picture == 255).all(axis=2)
    assert white.sum() == box.scaled.width * box.scaled.height
    assert white[box.top, box.left]
    assert (picture[~white] == GRAY).all()
    assert (image == 255).all()
