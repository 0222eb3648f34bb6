"""Files as people have them: cut short, of rare formats, of cameras; each shows one portrait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.missing import missing
from tests.support.running_stack import Stack
from tools.stack_driver.photos import data_folder


@dataclass(frozen=True)
class Expected:
    """What the result says of the image; the face has to be there in any case."""

    format: str
    damaged: bool = False
    least_share: float = 1.0
    frame: int = 0
    preview: bool = False
    size: tuple[int, int] = (340, 300)


EXPECTED = {
    "anim_blankfirst.gif": Expected("GIF", frame=1),
    "camera.dng": Expected("RAW", preview=True),
    "jpeg12.jpg": Expected("JPEG"),
    "lead_newline.jpg": Expected("JPEG"),
    "multi_primary1.heic": Expected("HEIF"),
    "orient6_pillow.avif": Expected("AVIF"),
    "plain.ico": Expected("ICO", size=(256, 226)),
    "plain.jp2": Expected("JPEG2000"),
    "plain.jxl": Expected("JXL"),
    "rgb16_planar.tif": Expected("TIFF"),
    "rgb8_webp.tif": Expected("TIFF"),
    "trunc_10pc.png": Expected("PNG", damaged=True, least_share=0.85),
    "trunc_base_minus1pc.jpg": Expected("JPEG", damaged=True, least_share=0.95),
    "trunc_base_minus2.jpg": Expected("JPEG", damaged=True, least_share=0.99),
    "trunc_minus20.gif": Expected("GIF", damaged=True, least_share=0.99),
    "trunc_prog_half.jpg": Expected("JPEG", damaged=True, least_share=0.9),
}


@pytest.fixture(scope="module")
def results(stack: Stack, http: httpx.Client) -> Iterator[dict[str, dict[str, Any]]]:
    """The result of each file by its name; sent as they are, since an end may be what is cut."""
    paths = {name: data_folder() / "field" / name for name in EXPECTED}
    if gone := [name for name, path in paths.items() if not path.exists()]:
        missing(f"the field cases are missing: {', '.join(gone)} (FACEPIPE_TEST_DATA)")
    ids = {name: _send(http, path) for name, path in paths.items()}
    stack.api.wait_all(ids.values())
    yield {name: http.get(f"/v1/images/{image_id}/result").json() for name, image_id in ids.items()}
    for image_id in ids.values():
        http.delete(f"/v1/images/{image_id}")


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_is_read_rightly_and_its_face_found(
    name: str, results: dict[str, dict[str, Any]]
) -> None:
    document, expected = results[name], EXPECTED[name]

    image = document["image"]
    assert image["format"] == expected.format
    assert (image["width"], image["height"]) == expected.size
    assert (image["damaged"], image["frame"], image["preview"]) == (
        expected.damaged, expected.frame, expected.preview,
    )  # fmt: skip
    assert expected.least_share <= image["decoded_share"] <= 1
    assert document["num_faces"] == 1


def test_an_avif_with_an_orientation_is_upright(results: dict[str, dict[str, Any]]) -> None:
    assert results["orient6_pillow.avif"]["image"]["orientation_applied"] == 6


def _send(http: httpx.Client, path: Path) -> str:
    answer = http.post("/v1/images?force=true", files={"files": (path.name, path.read_bytes())})
    assert answer.status_code == httpx.codes.ACCEPTED, (path.name, answer.text)
    return str(answer.json()["images"][0]["image_id"])
