"""Redis goes away, comes back empty, or is full: what was accepted is analysed all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.input.rig import Rig, open_bench, photograph, wait_for


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_bench(tmp_path_factory.mktemp("input")) as rig:
        yield rig


def test_an_upload_while_redis_is_down_is_queued_when_it_is_back(rig: Rig) -> None:
    # Given no Redis
    rig.redis_server.kill()

    # When an image is sent
    image_id = rig.accept(photograph(1))
    assert rig.status(image_id) == "received"

    # Then it is queued, once, after Redis has come back
    rig.redis_server.start()
    wait_for(lambda: rig.status(image_id) == "queued")
    assert [job.image_id for job in rig.queued()] == [image_id]


def test_a_redis_that_lost_everything_is_filled_again(rig: Rig) -> None:
    ids = [rig.accept(photograph(number)) for number in range(3)]

    rig.drop_jobs()

    wait_for(lambda: len(rig.queued()) == len(ids))
    assert {job.image_id for job in rig.queued()} == set(ids)
    assert {job.generation for job in rig.queued()} == {2}


def test_a_full_redis_delays_and_refuses_nothing(rig: Rig) -> None:
    # Given a Redis that takes no more
    rig.redis.config_set("maxmemory-policy", "noeviction")
    rig.redis.config_set("maxmemory", "100kb")

    # When an image is sent
    image_id = rig.accept(photograph(1))

    # Then it is accepted, and neither queued nor started over and over
    assert rig.status(image_id) == "received"
    time.sleep(10 * rig.settings.reconcile.every_s)
    assert not rig.queued()

    # And when there is room again it is queued as what it is: its first run
    rig.redis.config_set("maxmemory", "0")
    wait_for(lambda: rig.status(image_id) == "queued")
    assert [(job.image_id, job.generation) for job in rig.queued()] == [(image_id, 1)]
