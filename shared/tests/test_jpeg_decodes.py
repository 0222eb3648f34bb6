"""JPEG decodes are counted where they happen."""

from __future__ import annotations

import pytest

from facepipe.files import jpeg_decodes
from facepipe.files.decoding import DecodeLimits, decode
from tools.chaos.samples import whole_file


@pytest.mark.parametrize(
    ("kind", "decodes"),
    [("jpeg", 1), ("jpeg-cmyk", 1), ("jpeg-12-bit", 1), ("jpeg-progressive", 1), ("png", 0)],
)
def test_a_file_counts_as_often_as_a_decoder_goes_over_it(kind: str, decodes: int) -> None:
    before = jpeg_decodes.so_far()

    decode(whole_file(kind))

    assert jpeg_decodes.so_far() - before == decodes


def test_one_without_pixels_counts_as_well_and_a_damaged_one_twice() -> None:
    data = whole_file("jpeg")
    before = jpeg_decodes.so_far()

    decode(data, DecodeLimits(without_pixels=True))
    assert jpeg_decodes.so_far() - before == 1

    decode(data[: len(data) // 2])
    assert jpeg_decodes.so_far() - before == 3
