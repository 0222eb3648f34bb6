"""What is done with all images that a filter lets through."""

from __future__ import annotations

import csv
import io

import pytest

from tests.integration.input.rig import Rig, photograph


def _sent(rig: Rig, seed: int, folder: str) -> list[str]:
    return [rig.accept(photograph(seed + n), folder=folder) for n in range(5)]


def test_images_are_deleted_some_at_a_call(rig: Rig) -> None:
    ids = _sent(rig, 400, "old")
    other = rig.accept(photograph(409), folder="older")

    answers = [rig.http.delete("/v1/images?folder=old&limit=3").json() for _ in range(3)]

    assert [(answer["done"], answer["left"]) for answer in answers] == [(3, 2), (2, 0), (0, 0)]
    assert {rig.status(image_id) for image_id in ids} == {"deleted"}
    assert rig.status(other) != "deleted"


@pytest.mark.parametrize("query", ["", "?limit=500", "?name=", "?folder=/"])
def test_without_a_filter_nothing_is_deleted(rig: Rig, query: str) -> None:
    image_id = rig.accept(photograph(410))

    answer = rig.http.delete(f"/v1/images{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert rig.status(image_id) != "deleted"


def test_what_failed_is_run_again(rig: Rig) -> None:
    # Given three that failed and one that waits
    ids = _sent(rig, 420, "retry")[:4]
    for image_id in ids[:3]:
        rig.fail(image_id)

    answer = rig.http.post("/v1/retries?folder=retry").json()

    assert answer == {"done": 3, "left": 0, "errors": {}}
    assert [rig.store.get(image_id).generation for image_id in ids] == [2, 2, 2, 1]
    assert rig.http.post("/v1/retries?folder=retry").json()["done"] == 0


def test_what_cannot_be_done_is_named_and_hinders_nothing(rig: Rig) -> None:
    # Given two that failed, the upload of one of which was lost
    ids = _sent(rig, 430, "lost")[:2]
    for image_id in ids:
        rig.fail(image_id)
    (rig.settings.volumes.saved_data / "source" / ids[0]).unlink()

    answer = rig.http.post("/v1/retries?folder=lost").json()

    assert answer["done"] == 1
    assert answer["errors"][ids[0]]["code"] == "not_found"


def test_an_export_has_what_the_filters_let_through(rig: Rig) -> None:
    ids = _sent(rig, 440, "export")
    for image_id, age in zip(ids, (20, 30, 40, 50, 60), strict=True):
        rig.finish(image_id, ages=(age,))

    for query, ages in (("min_age=45", ["60", "50"]), ("status=stored&max_age=25", ["20"])):
        text = rig.http.get(f"/v1/export?format=csv&folder=export&{query}").text
        assert [row["age"] for row in csv.DictReader(io.StringIO(text))] == ages
    assert rig.http.get("/v1/export?format=csv&status=failed").status_code == 400
    assert rig.http.get("/v1/export?format=csv&limit=3").status_code == 422
