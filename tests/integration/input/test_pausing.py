"""`POST /v1/queue/pause` and `/resume`: told to the workers, and kept whatever goes down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rq.suspension import WORKERS_SUSPENDED

from facepipe_client import Client
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_bench(tmp_path) as rig:
        yield rig


def _is_told(rig: Rig) -> bool:
    return bool(rig.redis.exists(WORKERS_SUSPENDED))


def test_a_pause_is_told_to_workers_and_in_the_numbers_until_it_ends(rig: Rig) -> None:
    with Client(str(rig.http.base_url)) as client:
        assert client.stats().paused_at is None

        since = client.pause().paused_at

        # Then everybody knows, and what is sent is accepted and waits
        assert since is not None
        assert client.stats().paused_at == since
        assert _is_told(rig)
        image_id = rig.accept(photograph(1))
        assert rig.status(image_id) == "queued"
        # And pausing once more changes nothing
        assert client.pause().paused_at == since

        assert client.resume().paused_at is None
        assert not _is_told(rig)
        assert client.stats().paused_at is None
        assert client.resume().paused_at is None


def test_a_redis_that_comes_back_empty_holds_no_job_before_the_workers_know(rig: Rig) -> None:
    # Given images that wait during a pause
    rig.http.post("/v1/queue/pause")
    ids = {rig.accept(photograph(number)) for number in range(3)}

    # When Redis has lost everything
    rig.drop_jobs()

    # Then the workers are told again before there is a job that they could take
    while not rig.queued():
        pass
    assert _is_told(rig)
    wait_for(lambda: {job.image_id for job in rig.queued()} == ids)


def test_a_pause_while_redis_is_down_holds_when_it_is_back(rig: Rig) -> None:
    rig.redis_server.kill()

    assert rig.http.post("/v1/queue/pause").json()["paused_at"] is not None

    rig.redis_server.start()
    wait_for(lambda: _is_told(rig))
    rig.redis_server.kill()
    assert rig.http.post("/v1/queue/resume").json() == {"paused_at": None}
    rig.redis_server.start()
    wait_for(lambda: not _is_told(rig))


def test_a_pause_outlives_all_services_and_redis(tmp_path: Path) -> None:
    with open_bench(tmp_path) as rig:
        since = rig.http.post("/v1/queue/pause").json()["paused_at"]
        image_id = rig.accept(photograph(7))
        rig.drop_jobs()

    # When everything is started anew on the same volumes, with a Redis that knows nothing
    with open_bench(tmp_path) as rig:
        assert rig.http.get("/v1/stats").json()["paused_at"] == since
        wait_for(lambda: _is_told(rig))
        wait_for(lambda: [job.image_id for job in rig.queued()] == [image_id])
        assert _is_told(rig)
