"""Hostile files through the real API: each one is accepted or refused, and nothing breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from input_service.settings import InputSettings
from tests.integration.input.hostile import (
    Outcome,
    decoder_mb,
    hostile_files,
    hostile_folder,
    send,
    table,
)
from tests.integration.input.rig import Rig, open_bench, photograph
from tests.support.hostile_images import made_files
from tests.support.missing import missing

_SLOWEST_S = InputSettings().upload.decode_timeout_s + 10
_LIMIT_MB = InputSettings().upload.decode_memory_mb


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_bench(tmp_path_factory.mktemp("input"), InputSettings()) as rig:
        yield rig


def test_made_files(rig: Rig) -> None:
    outcomes = {name: send(rig, name, data) for name, data in made_files()}

    _hold(rig, list(outcomes.values()))
    statuses = {name: outcome.status for name, outcome in outcomes.items()}
    too_large = [name for name in statuses if "65535" in name]
    assert {statuses[name] for name in too_large} == {413}
    harmless = ("one-pixel", "cmyk", "animated", "png-16-bit", "png-alpha", "png-palette", "png-1")
    assert {statuses[name] for name in statuses if name.startswith(harmless)} == {202}
    assert statuses["html-and-jpeg"] == statuses["svg-with-a-script"] == 415
    assert statuses["postscript"] == statuses["noise"] == 415


def test_files_that_broke_decoders(rig: Rig) -> None:
    if not hostile_folder().is_dir():
        missing(f"no folder {hostile_folder()}; set FACEPIPE_TEST_DATA")

    _hold(rig, [send(rig, name, data) for name, data in hostile_files(hostile_folder())])


def test_a_file_that_is_also_a_page_is_served_as_an_image(rig: Rig) -> None:
    # Given a JPEG that a browser could take for a page
    data = dict(made_files())["jpeg-and-html"]
    image_id = rig.accept(data)

    # When it is asked for
    answer = rig.http.get(f"/v1/images/{image_id}/source")

    # Then no browser will run it
    assert answer.content == data
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_wrong_label_makes_no_difference(rig: Rig) -> None:
    files = [("files", ("page.html", photograph(1), "text/html"))]

    answer = rig.http.post("/v1/images", files=files)

    image_id = answer.json()["images"][0]["image_id"]
    assert rig.http.get(f"/v1/images/{image_id}").json()["image"]["format"] == "PNG"


def _hold(rig: Rig, outcomes: list[Outcome]) -> None:
    bad = [
        outcome
        for outcome in outcomes
        if outcome.status not in (202, 413, 415, 422)
        or not outcome.is_well_formed
        or outcome.seconds > _SLOWEST_S
        or outcome.decoder_mb > _LIMIT_MB
    ]
    assert not bad, table(bad)
    # And the service is none the worse for it.
    assert rig.send(photograph(99)).status_code == 202
    assert 0 < decoder_mb() < _LIMIT_MB
