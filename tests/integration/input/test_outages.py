"""Redis goes away, comes back empty, or is full: what was accepted is analysed all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.input.bench import Bench, open_bench, photograph, wait_for


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with open_bench(tmp_path_factory.mktemp("input")) as bench:
        yield bench


def test_an_upload_while_redis_is_down_is_queued_when_it_is_back(bench: Bench) -> None:
    # Given no Redis
    bench.redis_server.kill()

    # When an image is sent
    image_id = bench.accept(photograph(1))
    assert bench.status(image_id) == "received"

    # Then it is queued, once, after Redis has come back
    bench.redis_server.start()
    wait_for(lambda: bench.status(image_id) == "queued")
    assert [job.image_id for job in bench.queued()] == [image_id]


def test_a_redis_that_lost_everything_is_filled_again(bench: Bench) -> None:
    ids = [bench.accept(photograph(number)) for number in range(3)]

    bench.drop_jobs()

    wait_for(lambda: len(bench.queued()) == len(ids))
    assert {job.image_id for job in bench.queued()} == set(ids)
    assert {job.generation for job in bench.queued()} == {2}


def test_a_full_redis_delays_and_refuses_nothing(bench: Bench) -> None:
    # Given a Redis that takes no more
    bench.redis.config_set("maxmemory-policy", "noeviction")
    bench.redis.config_set("maxmemory", "100kb")

    # When an image is sent
    image_id = bench.accept(photograph(1))

    # Then it is accepted, and neither queued nor started over and over
    assert bench.status(image_id) == "received"
    time.sleep(10 * bench.settings.reconcile.every_s)
    assert not bench.queued()

    # And when there is room again it is queued as what it is: its first run
    bench.redis.config_set("maxmemory", "0")
    wait_for(lambda: bench.status(image_id) == "queued")
    assert [(job.image_id, job.generation) for job in bench.queued()] == [(image_id, 1)]
