from __future__ import annotations

from tools.setup.images import Image, total_bytes


def test_the_base_of_all_images_is_counted_once() -> None:
    # Given two images on one base, which ends with an empty layer
    one = Image("one", ("base", "python", "empty", "a"), (100, 20, 5))
    two = Image("two", ("base", "python", "empty", "b", "c"), (100, 20, 7, 1))

    assert total_bytes([one, two]) == 100 + 20 + 5 + 7 + 1


def test_an_image_alone_takes_what_it_takes() -> None:
    assert total_bytes([Image("one", ("base", "a"), (100, 5))]) == 105
