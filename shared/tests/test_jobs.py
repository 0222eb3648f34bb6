from __future__ import annotations

import pytest
from redis.exceptions import RedisError

from facepipe.queue import jobs
from facepipe.queue.jobs import ImageJob
from facepipe.queue.redis_connection import connect_redis
from facepipe.stages import StageName
from facepipe.system.settings import RedisSettings


def test_a_job_id_names_stage_image_and_generation() -> None:
    job = ImageJob(StageName.AGEGENDER, "ab" * 32, 7)

    assert job.job_id == f"agegender-{'ab' * 32}-7"
    assert ImageJob.from_job_id(job.job_id) == job


@pytest.mark.parametrize("job_id", ["", "plots-abcdef", "landmark-ab", "other-ab-1", "landmark--1"])
def test_other_ids_are_no_image_jobs(job_id: str) -> None:
    assert ImageJob.from_job_id(job_id) is None


def test_a_redis_that_is_down_is_told_at_once() -> None:
    redis = connect_redis(RedisSettings(url="redis://127.0.0.1:1/0"))

    with pytest.raises(RedisError):
        jobs.live_job_ids(redis)
    with pytest.raises(RedisError):
        jobs.enqueue(redis, ImageJob(StageName.LANDMARK, "ab", 1))
