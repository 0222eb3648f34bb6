"""What people say of a result, from the API through the ledger to document, export and numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from facepipe.domain.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    CorrectionKind,
    DetectedFace,
    Gender,
    LandmarksPart,
)
from facepipe.domain.corrections import missed_faces
from facepipe.stage import PartRun
from facepipe.stages import StageName
from facepipe_client import Client
from tests.integration.input.rig import MODEL, Rig, photograph

BOXES = {"large": Box(x1=10, y1=10, x2=90, y2=90), "small": Box(x1=200, y1=20, x2=260, y2=80)}
DRAWN = {"x1": 300, "y1": 100, "x2": 350, "y2": 160}


@pytest.fixture
def client(rig: Rig) -> Iterator[Client]:
    with Client(str(rig.http.base_url)) as client:
        yield client


def analyse(rig: Rig, image_id: str, *names: str) -> None:
    """Plays the stages; the first one finds these faces, and those that people drew."""
    state = rig.store.get(image_id)
    faces = [DetectedFace(box=BOXES[name], confidence=0.9) for name in names]
    faces += [
        DetectedFace(box=Box.from_bounding_box(box), confidence=1, drawn=True)
        for box in missed_faces(state.corrections)
    ]
    part = LandmarksPart(faces=faces, detector=MODEL, landmarker=MODEL)
    rig.store.save_part(rig.run_of(image_id), part)
    estimates = [AgeGender(age=30, gender=Gender.FEMALE, reliable=True) for _ in faces]
    if faces:
        found = AgeGenderPart(faces=estimates, model=MODEL)
        rig.store.save_part(rig.run_of(image_id, StageName.AGEGENDER), found)
    rig.room.results.store(PartRun(StageName.STORAGE, image_id, state.generation, None))


def accepted(rig: Rig, seed: int) -> str:
    image_id = rig.accept(photograph(seed, (400, 200)), name=f"{seed}.png")
    analyse(rig, image_id, "large", "small")
    return image_id


def say(rig: Rig, image_id: str, **said: Any) -> httpx.Response:
    return rig.http.post(f"/v1/images/{image_id}/corrections", json=said)


def result(rig: Rig, image_id: str) -> dict[str, Any]:
    answer = rig.http.get(f"/v1/images/{image_id}/result")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_the_truth_stands_beside_what_was_found(rig: Rig) -> None:
    # given a result with two faces
    image_id = accepted(rig, 700)
    before = result(rig, image_id)
    assert (before["corrected"], before["corrections"]) == (False, [])
    # when a person tells the age of one and then its gender, and that the other one is no face
    first = say(rig, image_id, kind="truth", face_index=0, age=41)
    second = say(rig, image_id, kind="truth", face_index=0, gender="male")
    third = say(rig, image_id, kind="not_a_face", face_index=1)
    # then it is kept, with when it was said; nobody has a key here
    assert [answer.status_code for answer in (first, second, third)] == [201] * 3
    numbers = [answer.json()["number"] for answer in (first, second, third)]
    listed = rig.http.get(f"/v1/images/{image_id}/corrections").json()["corrections"]
    assert [one["number"] for one in listed] == sorted(set(numbers)) == numbers
    assert listed[0]["made_at"]
    assert listed[0]["made_by"] is None
    # and the result says so, with what the models found untouched
    after = result(rig, image_id)
    assert after["corrected"] is True
    truths = [face["truth"] for face in after["faces"]]
    assert truths[0] == {
        "is_face": True, "age": 41, "gender": "male", "corrections": numbers[:2],
    }  # fmt: skip
    assert truths[1]["is_face"] is False
    assert [face["agegender"] for face in after["faces"]] == [
        face["agegender"] for face in before["faces"]
    ]
    # when the last word is taken back, then it is gone
    gone = rig.http.delete(f"/v1/images/{image_id}/corrections/{numbers[2]}")
    assert gone.status_code == 204
    assert result(rig, image_id)["faces"][1]["truth"] is None
    again = rig.http.delete(f"/v1/images/{image_id}/corrections/{numbers[2]}")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_a_missed_face_is_analysed_like_any_other(rig: Rig) -> None:
    # given a result, and a face in it that nobody found
    image_id = accepted(rig, 701)
    # when a person draws its box
    drawn = say(rig, image_id, kind="missed_face", box=DRAWN)
    # then the image is analysed again, with that box
    assert drawn.status_code == 201
    assert rig.status(image_id) == "queued"
    assert rig.store.get(image_id).generation == 2
    analyse(rig, image_id, "large", "small")
    faces = result(rig, image_id)["faces"]
    assert [face["drawn"] for face in faces] == [False, False, True]
    assert faces[2]["box"] == DRAWN
    assert faces[2]["agegender"]["age"] == 30
    # and when it is taken back, once more without
    rig.http.delete(f"/v1/images/{image_id}/corrections/{drawn.json()['number']}")
    analyse(rig, image_id, "large", "small")
    after = result(rig, image_id)
    assert (after["num_faces"], after["corrected"]) == (2, False)


def test_corrections_survive_a_new_analysis(rig: Rig) -> None:
    # given a face of which the age is known, and one that is none
    image_id = accepted(rig, 702)
    say(rig, image_id, kind="truth", face_index=1, age=7)
    say(rig, image_id, kind="not_a_face", face_index=0)
    # when the image is analysed again, and the larger one is not found any more
    rig.accept(photograph(702, (400, 200)), name="702.png", force=True)
    analyse(rig, image_id, "small")
    # then the truth is with its face, whose number is another one now
    after = result(rig, image_id)
    assert after["corrected"] is True
    assert [face["truth"]["age"] for face in after["faces"]] == [7]
    assert len(after["corrections"]) == 2


def test_what_is_said_while_the_result_is_made_is_in_it(rig: Rig) -> None:
    image_id = accepted(rig, 703)
    rig.accept(photograph(703, (400, 200)), name="703.png", force=True)

    # Of an image in work, boxes can be told of: the faces have no numbers yet.
    early = say(rig, image_id, kind="not_a_face", face_index=0)
    by_box = say(rig, image_id, kind="not_a_face", box=BOXES["large"].model_dump())
    analyse(rig, image_id, "large", "small")

    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    assert by_box.status_code == 201
    assert result(rig, image_id)["faces"][0]["truth"]["is_face"] is False


def test_the_picture_shows_no_face_that_was_rejected(rig: Rig) -> None:
    image_id = accepted(rig, 704)
    before = rig.http.get(f"/v1/images/{image_id}/annotated").content

    number = say(rig, image_id, kind="not_a_face", face_index=0).json()["number"]
    rejected = rig.http.get(f"/v1/images/{image_id}/annotated").content
    rig.http.delete(f"/v1/images/{image_id}/corrections/{number}")

    assert rejected != before
    assert rig.http.get(f"/v1/images/{image_id}/annotated").content == before


def test_corrected_images_can_be_found_and_exported(rig: Rig) -> None:
    # given two results, one of which was corrected
    image_id, other = accepted(rig, 705), accepted(rig, 706)
    say(rig, image_id, kind="truth", face_index=0, age=50, gender="male")
    say(rig, image_id, kind="not_a_face", face_index=1)
    # when lists and exports are asked for, then the filter and the columns tell them apart
    found = rig.http.get("/v1/images", params={"corrected": True, "name": "705"}).json()["images"]
    assert [(one["image_id"], one["corrected"]) for one in found] == [(image_id, True)]
    rest = rig.http.get("/v1/images", params={"corrected": False, "name": "706"}).json()["images"]
    assert [(one["image_id"], one["corrected"]) for one in rest] == [(other, False)]
    by_face: dict[str, str | int] = {"true_gender": "male", "min_true_age": 50, "name": "705"}
    assert len(rig.http.get("/v1/images", params=by_face).json()["images"]) == 1
    text = rig.http.get("/v1/export", params={"format": "csv", "name": "705"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = ("corrected", "drawn", "is_face", "true_age", "true_gender")
    assert [[row[name].lower() for name in columns] for row in rows] == [
        ["true", "false", "true", "50", "male"],
        ["true", "false", "false", "", ""],
    ]
    # and what is no face is no annotation to train on
    coco = rig.http.get("/v1/export", params={"format": "coco", "name": "705"}).json()
    assert [one["attributes"]["truth"]["age"] for one in coco["annotations"]] == [50]


def test_numbers_tell_how_right_the_models_are(rig: Rig) -> None:
    # given what is known before
    before = rig.http.get("/v1/stats").json()["accuracy"]
    image_id = accepted(rig, 707)
    # when of three faces one is none, one was missed, and of one age and gender are told
    say(rig, image_id, kind="missed_face", box=DRAWN)
    analyse(rig, image_id, "large", "small")
    say(rig, image_id, kind="not_a_face", face_index=1)
    say(rig, image_id, kind="truth", face_index=0, age=34, gender="male")
    # then the numbers have grown by just that
    after = rig.http.get("/v1/stats").json()["accuracy"]
    grown = {name: after[name] - before[name] for name in before if isinstance(before[name], int)}
    assert grown == {
        "images": 1, "found": 1, "not_faces": 1, "missed": 1, "ages": 1, "genders": 1,
    }  # fmt: skip
    assert after["precision"] == after["found"] / (after["found"] + after["not_faces"])
    assert after["recall"] == after["found"] / (after["found"] + after["missed"])
    assert after["age_error_years"] > 0
    # and what nobody corrected does not count
    accepted(rig, 708)
    assert rig.http.get("/v1/stats").json()["accuracy"] == after


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"kind": "truth", "face_index": 0}, 400, "invalid_request"),
        ({"kind": "not_a_face", "face_index": 0, "age": 3}, 400, "invalid_request"),
        ({"kind": "not_a_face"}, 400, "invalid_request"),
        ({"kind": "missed_face", "face_index": 0}, 400, "invalid_request"),
        ({"kind": "truth", "face_index": 0, "age": 121}, 400, "invalid_request"),
        ({"kind": "truth", "face_index": 0, "gender": "unknown"}, 400, "invalid_request"),
        ({"kind": "missed_face", "box": {**DRAWN, "x2": 401}}, 400, "invalid_request"),
        ({"kind": "missed_face", "box": {**DRAWN, "x2": 300}}, 400, "invalid_request"),
        ({"kind": "not_a_face", "face_index": 2}, 404, "not_found"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    rig: Rig, said: dict[str, Any], status: int, code: str
) -> None:
    image_id = accepted(rig, 709)

    answer = say(rig, image_id, **said)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert rig.http.get(f"/v1/images/{image_id}/corrections").json() == {"corrections": []}


def test_without_its_upload_nothing_can_be_drawn_but_all_else_be_said(rig: Rig) -> None:
    image_id = accepted(rig, 710)
    rig.room.files.remove_source(image_id)

    drawn = say(rig, image_id, kind="missed_face", box=DRAWN)
    said = say(rig, image_id, kind="not_a_face", face_index=0)

    assert (drawn.status_code, drawn.json()["code"]) == (409, "source_not_kept")
    assert said.status_code == 201


def test_corrections_are_erased_with_their_image(rig: Rig) -> None:
    # given a corrected image
    image_id = accepted(rig, 711)
    say(rig, image_id, kind="truth", face_index=0, age=41)
    # when it is erased, and the same photograph sent again
    rig.http.delete(f"/v1/images/{image_id}")
    deleted = rig.http.get(f"/v1/images/{image_id}/corrections")
    rig.accept(photograph(711, (400, 200)))
    analyse(rig, image_id, "large")
    # then nothing is known of what was said
    assert (deleted.status_code, deleted.json()["code"]) == (410, "deleted")
    assert result(rig, image_id)["corrected"] is False
    assert rig.http.get(f"/v1/images/{image_id}/corrections").json() == {"corrections": []}


def test_the_client_corrects_as_well(rig: Rig, client: Client) -> None:
    image_id = accepted(rig, 712)

    made = client.correct(image_id, "truth", face_index=0, age=41, gender="male")
    [known] = client.corrections(image_id)
    assert (known.number, known.age) == (made.number, 41)
    client.take_back(image_id, made.number)

    assert client.corrections(image_id) == []
    assert made.kind == CorrectionKind.TRUTH
    assert client.stats().accuracy.images >= 0
