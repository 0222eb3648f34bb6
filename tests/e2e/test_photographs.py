"""Real photographs through the real stack."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from PIL import Image

from local.paths import ROOT
from tests.support.local_stack import LocalStack, stats
from tests.support.photos import collage, with_orientation, without_face

# A landmark may lie outside the box by this part of the box's longer side.
MARGIN = 0.25
Box = dict[str, int]


def test_each_portrait_has_one_face_with_its_landmarks(
    stack: LocalStack, portraits: list[Path]
) -> None:
    # When all portraits are sent
    ids = stack.api.upload(path.read_bytes() for path in portraits)
    states = stack.api.wait_final(ids)

    # Then each is stored with exactly one face, and 478 landmarks where the face is
    assert {state["status"] for state in states.values()} == {"stored"}
    for path, image_id in zip(portraits, ids, strict=True):
        document = stack.api.result(image_id)
        assert document["num_faces"] == len(document["faces"]) == 1, path.name
        face = document["faces"][0]
        assert len(face["landmarks"]) == 478, path.name
        assert _all_near(face["landmarks"], face["box"]), path.name


def test_a_result_is_what_was_promised(stack: LocalStack, portraits: list[Path]) -> None:
    document = stack.api.analyse(portraits[0].read_bytes())
    image_id = document["image"]["sha256"]

    # The document follows its published schema, and is the file on disk
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    Draft202012Validator(schema).validate(document)
    saved = stack.volumes / "saved_data"
    assert json.loads((saved / f"{image_id}.json").read_text()) == document
    assert document["image_path"] == f"saved_data/{image_id}.jpg"
    assert document["redis_key"] == f"image:{image_id}"

    # The annotated image has the size of the upload, which comes back byte for byte
    annotated = stack.api.response(f"/v1/images/{image_id}/annotated").content
    assert annotated == (saved / f"{image_id}.jpg").read_bytes()
    with Image.open(io.BytesIO(annotated)) as image:
        assert image.format == "JPEG"
        assert image.size == (document["image"]["width"], document["image"]["height"])
    source = stack.api.response(f"/v1/images/{image_id}/source").content
    assert source == portraits[0].read_bytes()

    # And nothing of it is left in the inbox
    assert not list((stack.volumes / "inbox").glob(f"{image_id}*"))


def test_the_same_bytes_again_are_the_same_result(stack: LocalStack, portraits: list[Path]) -> None:
    first = stack.api.analyse(portraits[1].read_bytes())
    before = stats(stack)

    again = stack.api.analyse(portraits[1].read_bytes())

    assert again == first
    assert stats(stack) == before


def test_a_collage_of_nine_has_nine_faces(stack: LocalStack, portraits: list[Path]) -> None:
    document = stack.api.analyse(collage(portraits[:9]))

    assert document["num_faces"] == 9
    # One face a tile, by area, largest first
    tiles = {_tile(face["box"], side=450) for face in document["faces"]}
    assert tiles == {(column, row) for column in range(3) for row in range(3)}
    areas = [_area(face["box"]) for face in document["faces"]]
    assert areas == sorted(areas, reverse=True)


def test_all_exif_orientations_give_the_same_upright_box(
    stack: LocalStack, portraits: list[Path]
) -> None:
    images = [with_orientation(portraits[2], orientation) for orientation in range(1, 9)]
    ids = stack.api.upload(images)
    stack.api.wait_final(ids)
    documents = [stack.api.result(image_id) for image_id in ids]

    assert [d["image"]["orientation_applied"] for d in documents] == list(range(1, 9))
    assert {(d["image"]["width"], d["image"]["height"]) for d in documents} == {(900, 900)}
    boxes = [document["faces"][0]["box"] for document in documents]
    assert all(box == boxes[0] for box in boxes), boxes


def test_an_image_without_a_face_is_a_result(stack: LocalStack) -> None:
    document = stack.api.analyse(without_face())

    assert document["num_faces"] == 0
    assert document["faces"] == []


def test_what_is_no_image_is_refused_with_a_reason(
    stack: LocalStack, portraits: list[Path]
) -> None:
    text, half = b"no image at all", portraits[0].read_bytes()[:20_000]

    for data, status, code in ((text, 415, "unsupported_image"), (half, 422, "undecodable_image")):
        answer = stack.api.post(data)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


def _all_near(points: list[dict[str, float]], box: Box) -> bool:
    slack = MARGIN * max(box["x2"] - box["x1"], box["y2"] - box["y1"])
    return all(
        box["x1"] - slack <= point["x"] <= box["x2"] + slack
        and box["y1"] - slack <= point["y"] <= box["y2"] + slack
        for point in points
    )


def _tile(box: Box, side: int) -> tuple[int, int]:
    return (box["x1"] + box["x2"]) // 2 // side, (box["y1"] + box["y2"]) // 2 // side


def _area(box: dict[str, Any]) -> int:
    return int((box["x2"] - box["x1"]) * (box["y2"] - box["y1"]))
