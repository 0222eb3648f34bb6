"""An image that was deleted is gone; one that is finished needs no retry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Fresh
from tests.support.running_stack import Stack
from tests.support.traces import (
    FILE_NAME,
    PLACE,
    assert_no_metadata,
    files_with,
    wait_until_erased,
    with_exif,
)
from tests.support.waiting import wait_until
from tools.stack_driver.api import analyse
from tools.stack_driver.photos import resized

UNKNOWN = "0" * 64


@pytest.fixture
def photo(http: httpx.Client, fresh: Fresh, portraits: list[Path]) -> Iterator[bytes]:
    """It tells where it was taken."""
    data = fresh(with_exif(portraits[3]))
    yield data
    http.delete(f"/v1/images/{hashlib.sha256(data).hexdigest()}")


def test_what_the_upload_tells_of_a_place_goes_no_further(stack: Stack, photo: bytes) -> None:
    image_id = analyse(stack.api, photo).image.sha256

    assert_no_metadata(stack.api.file(image_id, "annotated"))
    found = stack.api.file(image_id, "result").decode()
    assert PLACE not in found
    assert "gps" not in found.lower()


def test_a_deleted_image_is_gone_from_the_api(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given an image with a result
    data = fresh(resized(portraits[10], 700))
    image_id = analyse(stack.api, data).image.sha256
    before = stack.api.stats().deleted

    # When it is deleted
    answer = http.delete(f"/v1/images/{image_id}")

    # Then nothing of it is answered any more
    assert (answer.status_code, answer.content) == (204, b"")
    for part in ("result", "annotated", "source"):
        gone = http.get(f"/v1/images/{image_id}/{part}")
        assert (gone.status_code, gone.json()["code"]) == (410, "deleted")
    state = stack.api.image(image_id)
    assert (state.status, state.image.file_name) == ("deleted", "")
    assert image_id not in {image.image_id for image in stack.api.images()}
    assert image_id not in b"".join(stack.api.export("csv")).decode()
    assert stack.api.stats().deleted == before + 1
    assert http.delete(f"/v1/images/{image_id}").status_code == 404
    assert http.post(f"/v1/images/{image_id}/retry").status_code == 410

    # And the same bytes are a new image
    (again,) = http.post("/v1/images?wait=300", content=data).json()["images"]
    assert (again["status"], again["result"]["num_faces"]) == ("stored", 1)


def test_a_deleted_image_leaves_no_trace_on_any_volume(
    volumes: Path, http: httpx.Client, stack: Stack, photo: bytes
) -> None:
    # Given a photograph that was sent under a person's name and is known everywhere
    answer = http.post("/v1/images?wait=300", files={"files": (FILE_NAME, photo)})
    image_id = answer.json()["images"][0]["image_id"]
    wait_until(lambda: bool(stack.api.trace(image_id)["logs"]), every_s=0.5)
    assert {f"{image_id}.json", f"{image_id}.jpg", image_id} <= files_with(volumes, image_id[:12])
    assert files_with(volumes, FILE_NAME)

    assert http.delete(f"/v1/images/{image_id}").status_code == 204

    # Then no volume has its name, its place or its id; a tombstone remembers the id alone
    wait_until_erased(volumes, image_id)
    known = stack.api.trace(image_id)
    assert (known["spans"], known["logs"]) == ([], [])


def test_a_finished_image_needs_no_retry_and_an_unknown_one_has_none(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    image_id = analyse(stack.api, fresh(resized(portraits[11], 700))).image.sha256

    finished, unknown = (http.post(f"/v1/images/{i}/retry") for i in (image_id, UNKNOWN))

    assert (finished.status_code, finished.json()["code"]) == (400, "invalid_request")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
