"""Streams and waiting calls are bounded by who makes them, and hold nobody else up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from input_service.access.keyring import ApiKey, Scope, new_key
from input_service.settings import InputAccessSettings, InputSettings
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for

KEYS = {name: new_key() for name in ("anna", "bob")}
TOKEN = InputSettings().access.token
LIMIT = 3


def _bench(folder: Path, access: InputAccessSettings) -> Iterator[Rig]:
    with open_bench(folder, InputSettings(access=access)) as rig:
        yield rig


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[Rig]:
    yield from _bench(tmp_path, InputAccessSettings(waiting=LIMIT, token=TOKEN))


@pytest.fixture
def with_keys(tmp_path: Path) -> Iterator[Rig]:
    keys = " ".join(str(ApiKey.of(name, Scope, key)) for name, key in KEYS.items())
    yield from _bench(tmp_path, InputAccessSettings(waiting=LIMIT, keys=keys, token=TOKEN))


def test_an_address_follows_so_many_images_at_a_time(open_to_all: Rig) -> None:
    # Given an image that is not finished, and as many followers as one address may have
    rig = open_to_all
    path = f"/v1/images/{rig.accept(photograph(1))}/events"
    with ExitStack() as streams:
        for _ in range(LIMIT):
            assert _follow(streams, rig, path).status_code == 200

        # When there is one more, or a call that waits, whatever way that is written
        refused = [rig.http.get(path), rig.send(photograph(2), wait=1)]
        refused.append(rig.http.post("/v1/images?%77ait=1", content=photograph(2)))

        # Then it is told to come later, and other calls are answered
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
            assert int(answer.headers["retry-after"]) > 0
        assert rig.http.get("/v1/stats").status_code == 200
        assert rig.send(photograph(3)).status_code == 202

    # And when they have gone there is room again
    wait_for(lambda: rig.send(photograph(4), wait=0).status_code == 200)


def test_one_key_leaves_the_others_their_room(with_keys: Rig) -> None:
    rig = with_keys
    anna, bob = ({"X-API-Key": KEYS[name]} for name in ("anna", "bob"))
    sent = rig.http.post("/v1/images", content=photograph(1), headers=anna)
    path = f"/v1/images/{sent.json()['images'][0]['image_id']}/events"
    with ExitStack() as streams:
        for _ in range(LIMIT):
            _follow(streams, rig, path, anna)

        assert rig.http.get(path, headers=anna).status_code == 429
        assert _follow(streams, rig, path, bob).status_code == 200


def _follow(
    streams: ExitStack, rig: Rig, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    return streams.enter_context(rig.http.stream("GET", path, headers=headers))
