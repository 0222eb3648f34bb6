"""What a client calls an image, and how it asks for it to be analysed."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from facepipe.domain.options import AnalysisOptions
from tests.integration.input.rig import Rig, photograph

LABELS = {"external_id": "crm-17", "tags": ["holiday", "Zoë"], "folder": "2026/italy"}
OPTIONS = {"min_face_px": 40, "max_faces": 3, "confidence": 0.7, "detector_mode": "fast"}


@pytest.fixture(scope="module")
def image_id(rig: Rig) -> str:
    query = LABELS | {"tags": ["holiday,Zoë", "holiday"], "folder": "/2026//italy/"}
    image_id = rig.accept(photograph(300), **query)
    rig.finish(image_id, ages=(30,))
    return image_id


def test_labels_are_given_back_everywhere(rig: Rig, image_id: str) -> None:
    state = rig.http.get(f"/v1/images/{image_id}").json()
    [listed] = rig.http.get("/v1/images?external_id=crm-17").json()["images"]
    result = rig.http.get(f"/v1/images/{image_id}/result").json()
    again = rig.send(photograph(300)).json()["images"][0]
    exported = rig.http.get("/v1/export?format=csv").text

    for found in (state["image"], listed["image"], result["image"], again):
        assert {name: found[name] for name in LABELS} == LABELS
    [row] = [r for r in csv.DictReader(io.StringIO(exported)) if r["image_id"] == image_id]
    assert (row["external_id"], row["tags"], row["folder"]) == (
        "crm-17",
        "holiday,Zoë",
        "2026/italy",
    )


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"external_id": "crm-17"}, True),
        ({"external_id": "crm-1"}, False),
        ({"tag": ["Zoë", "holiday"]}, True),
        ({"tag": ["holiday", "work"]}, False),
        ({"tag": ["holi"]}, False),
        ({"folder": "2026/italy"}, True),
        ({"folder": "2026"}, True),
        ({"folder": "202"}, False),
        ({"folder": "2026/it%"}, False),
    ],
)
def test_labels_are_filters(rig: Rig, image_id: str, query: Any, is_found: bool) -> None:
    found = rig.http.get("/v1/images", params=query).json()["images"]

    assert ([image["image_id"] for image in found] == [image_id]) == is_found


def test_fields_of_a_form_are_labels_and_options(rig: Rig) -> None:
    # Given a form as upload programs make it, with a field that means nothing here
    fields = {"tags": ["a", "b"], "folder": "f", "attributes": "age,pose", "relativePath": "null"}

    answer = rig.http.post(
        "/v1/images", files={"photo": ("x.png", photograph(301))}, data=fields, params={"tags": "q"}
    )

    sent = answer.json()["images"][0]
    assert (answer.status_code, sent["tags"], sent["folder"]) == (202, ["a", "b"], "f")
    options = rig.store.get(sent["image_id"]).image.options
    assert options == AnalysisOptions.model_validate({"attributes": ["age", "pose"]})


@pytest.mark.parametrize(
    "query",
    [
        {"confidence": "2"},
        {"min_face_px": "1"},
        {"max_faces": "9999"},
        {"detector_mode": "slow"},
        {"attributes": "shoe_size"},
        {"folder": "../etc"},
        {"tags": "a\tb"},
        {"external_id": "x" * 256},
    ],
)
def test_what_the_server_does_not_allow_is_refused(rig: Rig, query: dict[str, str]) -> None:
    in_query = rig.http.post("/v1/images", content=photograph(302), params=query)
    in_form = rig.http.post("/v1/images", files={"files": photograph(302)}, data=query)

    for answer in (in_query, in_form):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
        assert next(iter(query)) in answer.json()["detail"]


def test_other_options_for_known_bytes_are_a_new_generation(rig: Rig) -> None:
    data = photograph(303)
    image_id = rig.accept(data, **OPTIONS)
    rig.finish(image_id, ages=(30,))

    # When they are sent with the same options, with none, and with others
    generations = []
    for query in (OPTIONS, {}, OPTIONS | {"max_faces": 2}):
        rig.accept(data, **query)
        generations.append(rig.store.get(image_id).generation)

    assert generations == [1, 1, 2]


def test_the_options_stand_in_the_result_and_hold_for_it(rig: Rig) -> None:
    image_id = rig.accept(photograph(304), attributes="gender")
    rig.finish(image_id, ages=(30,))

    result = rig.http.get(f"/v1/images/{image_id}/result").json()

    assert result["image"]["options"]["attributes"] == ["gender"]
    [face] = result["faces"]
    assert (face["landmarks"], face["pose"]) == ([], None)
    assert (face["agegender"]["age"], face["agegender"]["gender"]) == (None, "female")
    found = rig.http.get("/v1/images?min_age=20").json()["images"]
    assert image_id not in [image["image_id"] for image in found]


def test_a_retry_keeps_labels_and_options(rig: Rig) -> None:
    image_id = rig.accept(photograph(305), **OPTIONS, folder="f")
    rig.fail(image_id)
    rig.http.post(f"/v1/images/{image_id}/retry")

    image = rig.store.get(image_id).image
    assert (image.folder, image.options) == ("f", AnalysisOptions.model_validate(OPTIONS))


@pytest.mark.parametrize("query", [{"force": True}, {"max_faces": 2}])
def test_a_new_analysis_of_known_bytes_keeps_name_and_labels(rig: Rig, query: Any) -> None:
    data = photograph(320 + len(query) + ("force" in query))
    image_id = rig.accept(data, **LABELS)
    rig.finish(image_id, ages=(30,))

    # When the bytes are sent again without labels, or with one of them, to be analysed anew
    answer = rig.send(data, name="", **query, external_id="crm-18")

    # Then what was not given is as it was
    assert answer.status_code == 202
    image = rig.http.get(f"/v1/images/{image_id}").json()["image"]
    kept = {name: image[name] for name in (*LABELS, "file_name")}
    assert kept == LABELS | {"external_id": "crm-18", "file_name": "photo.png"}


def test_what_is_deleted_has_no_labels(rig: Rig) -> None:
    image_id = rig.accept(photograph(306), **LABELS, **OPTIONS)
    rig.http.delete(f"/v1/images/{image_id}")

    image = rig.store.get(image_id).image
    assert (image.external_id, image.tags, image.folder, image.options) == ("", (), "", None)
