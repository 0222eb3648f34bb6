"""Sending images: what is accepted, what is refused, and how one waits."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from facepipe.web.problems import Problem
from tests.acceptance.conftest import Fresh
from tests.support.hostile_images import made_files
from tests.support.missing import missing
from tests.support.running_stack import Stack
from tools.paths import ROOT
from tools.stack_driver.api import analyse, document_of
from tools.stack_driver.photos import resized

_CURL = re.compile(r"```sh\n(curl [^`]*files=@portrait\.jpg[^`]*)```")


def test_the_curl_example_of_the_readme_works(
    stack: Stack, fresh: Fresh, tmp_path: Path, portraits: list[Path]
) -> None:
    if shutil.which("curl") is None:
        missing("curl is not installed")
    # Given the command of the README, and a portrait where it looks for one
    (tmp_path / "portrait.jpg").write_bytes(fresh(portraits[0].read_bytes()))
    found = _CURL.search((ROOT / "README.md").read_text())
    assert found, "README.md shows no curl example that sends portrait.jpg"
    command = found[1].replace("http://127.0.0.1:8000", stack.api.address)

    # When it is run, and once more, should a busy machine need longer than it waits
    sent = _run(command, tmp_path)
    stack.api.wait(sent["image_id"])
    image = _run(command, tmp_path)

    # Then its answer has the result
    assert (sent["file_name"], sent["known"], sent["error"]) == ("portrait.jpg", False, None)
    assert (image["status"], image["known"], image["error"]) == ("stored", True, None)
    assert image["result"]["num_faces"] == 1
    assert image["result"] == document_of(stack.api, image["image_id"])


def test_each_file_of_a_call_has_an_answer_of_its_own(
    http: httpx.Client, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given two photographs with something else between them
    first, second = (fresh(resized(path, 640)) for path in portraits[:2])
    files = [("a.jpg", first), ("notes.txt", b"no image at all"), ("b.jpg", second)]

    answer = http.post("/v1/images?wait=300", files=[("files", file) for file in files])

    # Then both photographs are analysed, and the other file is told why not
    assert answer.status_code == 200
    images = answer.json()["images"]
    assert [image["file_name"] for image in images] == ["a.jpg", "notes.txt", "b.jpg"]
    assert [image["status"] for image in images] == ["stored", None, "stored"]
    assert images[1]["error"]["code"] == "unsupported_image"
    for image, data in ((images[0], first), (images[2], second)):
        assert image["image_id"] == hashlib.sha256(data).hexdigest()
        assert image["result"]["num_faces"] == 1


def test_without_wait_the_answer_is_202_and_the_result_comes_later(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    answer = http.post("/v1/images", content=fresh(resized(portraits[5], 700)))

    assert answer.status_code == 202
    (image,) = answer.json()["images"]
    assert image["result"] is None
    assert http.get(image["links"]["source"]).status_code == 200
    assert stack.api.wait(image["image_id"]).status == "stored"


def test_the_same_bytes_again_are_the_same_result_unless_forced(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given an image that was analysed
    data = fresh(resized(portraits[6], 700))
    first = document_of(stack.api, analyse(stack.api, data).image.sha256)

    # When it is sent again, without and with force
    (again,) = http.post("/v1/images?wait=300", content=data).json()["images"]
    (forced,) = http.post("/v1/images?wait=300&force=true", content=data).json()["images"]

    # Then only force has it analysed anew, to the same end
    assert (again["known"], again["result"]) == (True, first)
    assert (forced["known"], forced["status"]) == (True, "stored")
    assert (first["generation"], forced["result"]["generation"]) == (1, 2)
    assert forced["result"]["faces"] == first["faces"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"no image at all", 415, "unsupported_image", id="text"),
        pytest.param(b"", 400, "invalid_request", id="nothing"),
        pytest.param(bytes(128 * 2**20 + 1), 413, "image_too_large", id="more than 128 MiB"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(
    http: httpx.Client, data: bytes, status: int, code: str
) -> None:
    _expect_problem(http.post("/v1/images", content=data), status, code)


def test_a_tenth_of_a_photograph_is_refused_with_a_reason(
    http: httpx.Client, portraits: list[Path]
) -> None:
    whole = portraits[0].read_bytes()

    answer = http.post("/v1/images", content=whole[: len(whole) // 10])

    _expect_problem(answer, 422, "undecodable_image")


def test_hostile_files_end_in_a_result_or_a_refusal(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    # When bombs, broken, mislabelled and strange files are sent
    answers = {
        name: http.post("/v1/images", files={"files": (name, fresh(data), "image/jpeg")})
        for name, data in made_files()
    }

    # Then each is accepted, or refused as a problem
    accepted: dict[str, Any] = {}
    for name, answer in answers.items():
        if answer.status_code == httpx.codes.ACCEPTED:
            accepted[name] = answer.json()["images"][0]["image_id"]
        else:
            assert answer.status_code in (413, 415, 422), (name, answer.text)
            Problem.model_validate_json(answer.content)
    assert {answers[name].json()["code"] for name in answers if "65535" in name} == {
        "image_too_large"
    }
    assert {"cmyk-jpeg", "png-16-bit", "animated-webp", "one-pixel-gif"} <= accepted.keys()

    # And each that was accepted comes to its end, after which the next photograph has its turn
    states = stack.api.wait_all(accepted.values(), timeout_s=900)
    ends = {name: states[image_id].status for name, image_id in accepted.items()}
    assert set(ends.values()) == {"stored"}, ends
    assert analyse(stack.api, fresh(resized(portraits[7], 700))).num_faces == 1


def _run(command: str, folder: Path) -> dict[str, Any]:
    """What the API says of the one image that a command sends."""
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=True)  # noqa: S602 - the README's own words
    (image,) = json.loads(done.stdout)["images"]
    assert isinstance(image, dict)
    return image


def _expect_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert Problem.model_validate_json(answer.content).detail
