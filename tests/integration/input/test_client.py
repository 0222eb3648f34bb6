"""facepipe_client against the real API."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from facepipe_client import (
    AnalysisFailedError,
    Client,
    DeletedError,
    NotAllowedError,
    NotFinishedError,
    NotFoundError,
    RefusedError,
    Status,
)
from input_service.access.keyring import ApiKey, Scope, new_key
from input_service.settings import InputAccessSettings, InputSettings
from tests.integration.input.rig import Rig, open_bench, photograph


@pytest.fixture
def api(rig: Rig) -> Iterator[Client]:
    with Client(str(rig.http.base_url)) as client:
        yield client


def test_an_image_from_its_upload_to_its_end(rig: Rig, api: Client, tmp_path: Path) -> None:
    # Given a photograph in a file
    path = tmp_path / "family.png"
    path.write_bytes(photograph(1))

    # When it is sent, finished and waited for
    accepted = api.upload(path)
    with pytest.raises(NotFinishedError):
        api.result(accepted.image_id)
    rig.finish(accepted.image_id, ages=(31, 5))
    states = list(api.follow(accepted.image_id))

    # Then state, result, files, list and export tell the same
    state = api.wait(accepted.image_id, 20)
    assert states[-1] == state
    assert (state.status, state.num_faces, state.image.file_name) == (
        Status.STORED,
        2,
        "family.png",
    )
    result = api.result(accepted.image_id)
    assert [face.agegender.age for face in result.faces] == [31, 5]
    assert api.file(accepted.image_id, "source") == path.read_bytes()
    assert api.file(accepted.image_id, "annotated")[:2] == b"\xff\xd8"
    assert [image.image_id for image in api.images(min_age=31, gender="female")] == [
        accepted.image_id
    ]
    rows = list(csv.DictReader(b"".join(api.export("csv")).decode().splitlines()))
    assert [row["age"] for row in rows if row["image_id"] == accepted.image_id] == ["31", "5"]
    stats = api.stats()
    assert stats.stored == stats.images_by_status["stored"] >= 1


def test_many_at_once_and_as_a_stream(api: Client) -> None:
    images = [photograph(number) for number in (2, 3)]

    first, refused, second = api.upload_many([images[0], b"no image", images[1]])
    streamed = api.upload(iter([photograph(4)[:20], photograph(4)[20:]]))

    assert [first.image_id, second.image_id] == [hashlib.sha256(i).hexdigest() for i in images]
    assert refused.image_id is None
    assert refused.error is not None
    assert refused.error.code == "unsupported_image"
    assert streamed.image_id == hashlib.sha256(photograph(4)).hexdigest()


def test_what_becomes_of_an_image_that_failed_and_one_that_was_deleted(
    rig: Rig, api: Client
) -> None:
    failed, deleted = (api.upload(photograph(number)).image_id for number in (5, 6))

    rig.fail(failed)
    with pytest.raises(AnalysisFailedError, match="it died four times"):
        api.result(failed)
    assert api.retry(failed).status == Status.QUEUED

    api.delete(deleted)
    with pytest.raises(DeletedError):
        api.file(deleted, "source")


def test_what_is_refused_says_why(api: Client) -> None:
    with pytest.raises(RefusedError) as refused:
        api.upload(b"no image")
    assert refused.value.code == "unsupported_image"
    with pytest.raises(NotFoundError):
        api.image("0" * 64)
    with pytest.raises(RefusedError):
        list(api.images(min_age=-1))


def test_a_key_opens_what_it_may(tmp_path: Path) -> None:
    key = new_key()
    access = InputAccessSettings(
        keys=str(ApiKey.of("reader", [Scope.READ], key)), token=InputSettings().access.token
    )
    with open_bench(tmp_path, InputSettings(access=access)) as rig:
        address = str(rig.http.base_url)
        with Client(address) as nobody, Client(address, key=key) as reader:
            assert reader.stats().accepted == 0
            for client, status in ((nobody, 401), (reader, 403)):
                with pytest.raises(NotAllowedError) as refused:
                    client.upload(photograph(1))
                assert refused.value.status == status
