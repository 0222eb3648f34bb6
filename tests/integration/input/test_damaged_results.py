"""A result whose files are damaged: each call says so, nothing is written over, force mends it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.input.rig import Rig, open_bench, photograph


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_bench(tmp_path) as rig:
        yield rig


def file_of(rig: Rig, image_id: str, suffix: str) -> Path:
    return rig.settings.volumes.saved_data / f"{image_id}{suffix}"


def test_a_truncated_result_is_told_and_the_others_are_exported(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    # Given three results, one of which lacks its end
    ids = [rig.accept(photograph(seed)) for seed in range(3)]
    for image_id in ids:
        rig.finish(image_id, ages=(30,))
    path = file_of(rig, ids[1], ".json")
    path.write_bytes(path.read_bytes()[:-40])
    before = path.read_bytes()

    # Then it is not passed off as a result
    answer = rig.http.get(f"/v1/images/{ids[1]}/result")
    assert (answer.status_code, answer.json()["code"]) == (500, "result_damaged")
    assert "force=true" in answer.json()["detail"]
    waited = rig.send(photograph(1), wait=5)
    assert waited.json()["images"][0]["error"]["code"] == "result_damaged"

    # And tables, which are made of the index, hold all; what is made of the documents holds the
    # others, and the log names the one that is left out
    table = rig.http.get("/v1/export?format=csv").raise_for_status().text
    assert [image_id in table for image_id in ids] == [True, True, True]
    with caplog.at_level(logging.ERROR):
        exported = rig.http.get("/v1/export?format=coco").raise_for_status().text
    assert [image_id in exported for image_id in ids] == [True, False, True]
    assert "result_damaged" in caplog.text

    # And nothing has been written over it, until somebody asks for that
    assert path.read_bytes() == before
    rig.accept(photograph(1), force=True)
    rig.finish(ids[1], ages=(30,))
    assert rig.http.get(f"/v1/images/{ids[1]}/result").json()["num_faces"] == 1


@pytest.mark.parametrize(("suffix", "call"), [(".jpg", "annotated"), (".json", "result")])
def test_a_file_that_is_gone_is_told_as_damage(rig: Rig, suffix: str, call: str) -> None:
    image_id = rig.accept(photograph(4))
    rig.finish(image_id, ages=(30,))
    file_of(rig, image_id, suffix).unlink()

    answer = rig.http.get(f"/v1/images/{image_id}/{call}")

    assert (answer.status_code, answer.json()["code"]) == (500, "result_damaged")
    assert rig.status(image_id) == "stored"
    other = {"annotated": "result", "result": "annotated"}[call]
    assert rig.http.get(f"/v1/images/{image_id}/{other}").status_code == 200


def test_a_file_that_went_with_its_image_is_no_damage(rig: Rig) -> None:
    image_id = rig.accept(photograph(5))
    rig.finish(image_id, ages=(30,))
    rig.http.delete(f"/v1/images/{image_id}").raise_for_status()

    answer = rig.http.get(f"/v1/images/{image_id}/annotated")

    assert (answer.status_code, answer.json()["code"]) == (410, "deleted")
