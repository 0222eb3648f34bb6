"""Programs written for CompreFace's detection service, with its own client."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from compreface import CompreFace

from input_service.access.keyring import ALL_SCOPES, ApiKey, new_key
from input_service.settings import ComprefaceSettings, InputSettings
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for

KEY = new_key()
PATH = "/api/v1/detection/detect"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    base = InputSettings(compreface=ComprefaceSettings(enabled=True, wait_s=20))
    keys = str(ApiKey.of("programs", ALL_SCOPES, KEY))
    settings = base.model_copy(update={"access": base.access.model_copy(update={"keys": keys})})
    with open_bench(tmp_path_factory.mktemp("compreface"), settings) as rig:
        rig.http.headers["X-API-Key"] = KEY
        yield rig


@pytest.fixture
def ask(rig: Rig) -> Ask:
    """CompreFace's client; options as it takes them."""

    def ask(image: bytes, key: str = KEY, **options: Any) -> dict[str, Any]:
        url = urlsplit(str(rig.http.base_url))
        service = CompreFace(f"http://{url.hostname}", str(url.port)).init_face_detection(key)
        answer: dict[str, Any] = service.detect(image, options)
        return answer

    return ask


def test_its_client_gets_faces_in_its_words(rig: Rig, ask: Ask) -> None:
    data = photograph(1)

    with _analysed(rig, data, ages=(31, 8)):
        answer = ask(data, face_plugins="age,gender,landmarks", status=True, limit=0)

    first, second = answer["result"]
    assert first["box"] == {
        "probability": 0.9, "x_min": 0, "y_min": 0, "x_max": 20, "y_max": 20,
    }  # fmt: skip
    assert second["box"]["x_max"] == 19
    assert set(answer["plugins_versions"]) == {"detector", "landmarks", "age", "gender"}
    assert "execution_time" in first


def test_limit_threshold_and_plugins_choose_what_is_told(rig: Rig, ask: Ask) -> None:
    data = photograph(2)
    with _analysed(rig, data, ages=(31, 8)):
        ask(data)

    (only,) = ask(data, limit=1)["result"]
    none = ask(data, det_prob_threshold=0.95)

    assert set(only) == {"box"}
    assert none == {
        "message": "No face is found in the given image", "code": 28, "reason": "no_face",
    }  # fmt: skip


def test_base64_is_taken(rig: Rig) -> None:
    data = photograph(3)

    with _analysed(rig, data, ages=(31,)):
        answer = rig.http.post(PATH, json={"file": base64.b64encode(data).decode()})

    assert answer.status_code == 200
    assert len(answer.json()["result"]) == 1


@pytest.mark.parametrize(
    ("sent", "status", "code", "reason"),
    [
        ({"files": {"file": ("a.txt", b"no image")}}, 400, 21, "unsupported_image"),
        ({"json": {"file": "%"}}, 400, 26, "invalid_request"),
        ({"json": {"image": ""}}, 400, 26, "invalid_request"),
        ({"json": {}, "params": {"limit": -1}}, 400, 26, "invalid_request"),
        ({"json": {}, "params": {"face_plugins": "calculator"}}, 400, 26, "invalid_request"),
        ({"json": {}, "headers": {"X-API-Key": "wrong"}}, 404, 10, "unauthorized"),
    ],
)
def test_errors_have_its_shape(
    rig: Rig, sent: dict[str, Any], status: int, code: int, reason: str
) -> None:
    answer = rig.http.post(PATH, **sent)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    told = answer.json()
    assert (told["code"], told["reason"]) == (code, reason)
    assert told["message"]


def test_a_missing_key_is_its_missing_header(rig: Rig) -> None:
    del rig.http.headers["X-API-Key"]
    try:
        answer = rig.http.post(PATH, json={})
    finally:
        rig.http.headers["X-API-Key"] = KEY

    assert (answer.status_code, answer.json()["code"]) == (400, 20)
    assert answer.json()["message"] == "Missing header: x-api-key"


def test_it_waits_no_longer_than_it_is_set(tmp_path: Path) -> None:
    settings = InputSettings(compreface=ComprefaceSettings(enabled=True, wait_s=0.3))
    with open_bench(tmp_path, settings) as rig:
        answer = rig.http.post(PATH, files={"file": photograph(4)})

        # the image is safe, and the next call gets its result
        assert (answer.status_code, answer.json()["code"]) == (504, 41)
        assert rig.status(hashlib.sha256(photograph(4)).hexdigest()) == "queued"


def test_an_image_that_cannot_be_analysed_is_an_error(rig: Rig, ask: Ask) -> None:
    data = photograph(5)
    rig.fail(rig.accept(data))

    answer = ask(data)

    assert (answer["code"], answer["reason"]) == (41, "failed")
    assert "it died four times" in answer["message"]


def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    with open_bench(tmp_path) as rig:
        assert rig.http.post(PATH, json={}).status_code == 404


@contextmanager
def _analysed(rig: Rig, data: bytes, ages: tuple[int, ...]) -> Iterator[None]:
    """The stages do their work as soon as the image is on the queue."""
    image_id = hashlib.sha256(data).hexdigest()

    def finish_when_queued() -> None:
        wait_for(lambda: image_id in {job.image_id for job in rig.queued()})
        rig.finish(image_id, ages=ages)

    finisher = threading.Thread(target=finish_when_queued)
    finisher.start()
    yield
    finisher.join()
