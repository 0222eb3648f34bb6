"""What is found in photographs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from agegender_service.settings import AgeGenderServiceSettings
from agegender_service.weights import JOINT_FILE, weights_folder
from facepipe.files.models import FACE_MESH_WITH_ATTENTION
from tests.acceptance.conftest import Album, Fresh
from tests.support.running_stack import Stack
from tools.paths import MODELS
from tools.stack_driver.api import document_of, upload_all
from tools.stack_driver.photos import FORMATS, in_format, with_orientation

# A landmark may lie outside the box by this part of the box's longer side.
MARGIN = 0.25
LEAST_GENDERS_RIGHT, MOST_GENDERS_WRONG, MOST_MEAN_ERROR_YEARS = 16, 1, 7.0
Box = dict[str, int]


def test_each_portrait_has_one_face_with_landmarks_age_and_gender(album: Album) -> None:
    for image_id in album.portraits:
        document = album.documents[image_id]
        assert document["num_faces"] == len(document["faces"]) == 1
        (face,) = document["faces"]
        assert face["confidence"] > 0.5
        assert len(face["landmarks"]) == 478
        assert _all_near(face["landmarks"], face["box"])
        estimate = face["agegender"]
        assert 0 < estimate["age_low"] <= estimate["age"] <= estimate["age_high"] < 120
        assert estimate["gender"] in ("female", "male", "unknown")  # unknown: too close to call
        assert 0.5 <= estimate["gender_confidence"] <= 1
        assert (document["error"], face["landmarks_error"], face["agegender_error"]) == (None,) * 3


def test_ages_and_genders_are_about_those_of_the_people(
    album: Album, portraits: list[Path]
) -> None:
    # Given what the portrayed said of themselves
    with (portraits[0].parent / "labels.csv").open(newline="") as lines:
        labels = {row["file"]: row for row in csv.DictReader(lines)}
    truth = [labels[path.name] for path in portraits]

    found = [album.documents[i]["faces"][0]["agegender"] for i in album.portraits]

    right = sum(one["gender"] == row["gender"] for one, row in zip(found, truth, strict=True))
    off = [abs(one["age"] - float(row["age_years"])) for one, row in zip(found, truth, strict=True)]
    unknown = sum(one["gender"] == "unknown" for one in found)
    assert right >= LEAST_GENDERS_RIGHT
    assert len(found) - right - unknown <= MOST_GENDERS_WRONG
    assert mean(off) <= MOST_MEAN_ERROR_YEARS


def test_the_models_are_those_that_ship(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the records of the weights that are used where nothing is set
    monkeypatch.delenv("FACEPIPE_AGEGENDER_WEIGHTS", raising=False)
    monkeypatch.setenv("FACEPIPE_MODEL_DIR", str(MODELS))
    folder = weights_folder(AgeGenderServiceSettings())
    detector = _record(MODELS / "face_detector" / "face_detector.onnx")
    agegender = _record(folder / JOINT_FILE)

    # Then each result names them
    for document in album.documents.values():
        models = document["models"]
        assert models["detector"] == {key: detector[key] for key in ("name", "sha256")}
        assert models["landmarks"] == FACE_MESH_WITH_ATTENTION.info.model_dump()
        if document["num_faces"]:
            assert models["agegender"]["sha256"] == agegender["sha256"]


def test_a_group_of_nine_has_nine_faces_largest_first(album: Album) -> None:
    document = album.documents[album.group]

    assert document["num_faces"] == 9
    # One face a tile
    tiles = {_tile(face["box"], side=450) for face in document["faces"]}
    assert tiles == {(column, row) for column in range(3) for row in range(3)}
    areas = [_area(face["box"]) for face in document["faces"]]
    assert areas == sorted(areas, reverse=True)
    assert [face["face_index"] for face in document["faces"]] == list(range(9))
    assert all(len(face["landmarks"]) == 478 for face in document["faces"])
    assert all(face["agegender"]["age"] for face in document["faces"])


def test_a_photograph_of_nobody_is_a_result(album: Album) -> None:
    document = album.documents[album.nobody]

    assert (document["status"], document["num_faces"], document["faces"]) == ("stored", 0, [])


def test_all_exif_orientations_give_the_same_upright_box(
    stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    images = [fresh(with_orientation(portraits[2], number)) for number in range(1, 9)]
    documents = _analysed(stack, images)

    assert [d["image"]["orientation_applied"] for d in documents] == list(range(1, 9))
    assert {(d["image"]["width"], d["image"]["height"]) for d in documents} == {(900, 900)}
    boxes = [document["faces"][0]["box"] for document in documents]
    assert all(box == boxes[0] for box in boxes), boxes


def test_the_same_face_is_found_in_every_format(
    stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given a portrait in each format that the README names
    images = [fresh(in_format(portraits[4], name)) for name in FORMATS]

    documents = _analysed(stack, images)

    assert [document["image"]["format"] for document in documents] == list(FORMATS)
    boxes = [face["box"] for document in documents for face in document["faces"]]
    assert len(boxes) == len(FORMATS)
    assert all(_overlap(box, boxes[0]) > 0.9 for box in boxes), boxes


def _analysed(stack: Stack, images: list[bytes]) -> list[dict[str, Any]]:
    ids = upload_all(stack.api, images)
    stack.api.wait_all(ids)
    return [document_of(stack.api, image_id) for image_id in ids]


def _record(weights: Path) -> dict[str, str]:
    record: dict[str, str] = json.loads(weights.with_name(f"{weights.name}.json").read_text())
    return record


def _all_near(points: list[dict[str, float]], box: Box) -> bool:
    slack = MARGIN * max(box["x2"] - box["x1"], box["y2"] - box["y1"])
    return all(
        box["x1"] - slack <= point["x"] <= box["x2"] + slack
        and box["y1"] - slack <= point["y"] <= box["y2"] + slack
        for point in points
    )


def _tile(box: Box, side: int) -> tuple[int, int]:
    return (box["x1"] + box["x2"]) // 2 // side, (box["y1"] + box["y2"]) // 2 // side


def _area(box: Box) -> int:
    return (box["x2"] - box["x1"]) * (box["y2"] - box["y1"])


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one["x2"], other["x2"]) - max(one["x1"], other["x1"])
    height = min(one["y2"], other["y2"]) - max(one["y1"], other["y1"])
    shared = max(0, width) * max(0, height)
    return shared / (_area(one) + _area(other) - shared)
