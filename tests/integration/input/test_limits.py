"""`GET /v1/limits` says what the server holds to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from facepipe_client import Client
from tests.integration.input.rig import Rig, open_bench


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("FACEPIPE_UPLOAD_MAX_PIXELS", "10000")
    monkeypatch.setenv("FACEPIPE_UPLOAD_STRICT", "true")
    with open_bench(tmp_path) as rig:
        yield rig


def _image(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(file, "PNG")
    return file.getvalue()


def test_an_image_at_the_limit_is_taken_and_one_beyond_is_not(strict: Rig) -> None:
    # Given a client that asks first
    limits = strict.http.get("/v1/limits").json()
    assert limits["max_pixels"] == 10_000
    assert limits["min_decoded_share"] is None

    # When an image has as many pixels, and another a row more
    width = limits["max_pixels"] // 100
    answers = [strict.http.post("/v1/images", content=_image(width, 100 + n)) for n in (0, 1)]

    # Then the API holds to what it says
    assert [answer.status_code for answer in answers] == [202, 413]


def test_the_client_reads_the_limits(rig: Rig) -> None:
    with Client(str(rig.http.base_url)) as client:
        limits = client.limits()

    upload = rig.settings.upload
    assert (limits.max_bytes, limits.max_files) == (upload.max_bytes, upload.max_files)
    assert limits.min_decoded_share == upload.min_decoded_share
