"""A long queue: bulk uploads are sent away for a while, people come first in every stage."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from facepipe.queue.jobs import ImageJob, enqueue, queue_of
from facepipe.stages import StageName
from input_service.settings import InputSettings, QueueSettings
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for

LIMIT = 8


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = InputSettings(queue=QueueSettings(limit=LIMIT))
    with open_bench(tmp_path_factory.mktemp("input"), settings) as rig:
        yield rig


def test_above_the_limit_bulk_is_sent_away_and_people_are_not(rig: Rig) -> None:
    # Given as many images as may wait
    ids = [rig.accept(photograph(number)) for number in range(LIMIT)]

    # When more come
    refused = rig.send(photograph(50))
    known = rig.send(photograph(0))
    person = rig.send(photograph(51), wait=0)

    # Then new ones in bulk are told when to come again; known ones and people's are taken
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 600
    assert known.status_code == 202
    assert person.status_code == 200

    # And when some are done there is room again
    for image_id in ids[:4]:
        rig.finish(image_id)
    wait_for(lambda: rig.send(photograph(50)).status_code == 202)


def test_a_call_of_many_takes_what_fits_and_says_when_to_send_the_rest(rig: Rig) -> None:
    files = [("files", (f"{n}.png", photograph(n), "image/png")) for n in range(LIMIT + 2)]

    answer = rig.http.post("/v1/images", files=files)

    assert answer.status_code == 202
    errors = [entry["error"] for entry in answer.json()["images"]]
    assert errors[:LIMIT] == [None] * LIMIT
    assert {error["code"] for error in errors[LIMIT:]} == {"too_many_requests"}
    assert int(answer.headers["retry-after"]) >= 1


def test_what_people_wait_for_goes_first_in_its_own_order(rig: Rig) -> None:
    bulk = [rig.accept(photograph(number)) for number in range(3)]
    urgent = [rig.accept(photograph(10), wait=0), _interactive(rig, photograph(11))]
    bulk.append(rig.accept(photograph(3)))
    urgent.append(rig.accept(photograph(12), wait=0))

    assert [job.image_id for job in rig.queued()] == urgent + bulk


def test_an_image_stays_urgent_from_stage_to_stage(rig: Rig) -> None:
    # Given a bulk image, and one that a person waits for
    bulk, urgent = rig.accept(photograph(1)), rig.accept(photograph(2), wait=0)

    # When both have their faces, in the order of the upload
    for image_id in (bulk, urgent):
        rig.find_faces(image_id, faces=1)

    # Then the next stage has the person's first
    assert [job.image_id for job in rig.queued(StageName.AGEGENDER)] == [urgent, bulk]


def test_an_image_sent_again_as_bulk_is_not_urgent_because_it_once_was(rig: Rig) -> None:
    first, second = photograph(1), photograph(2)
    image_id = rig.accept(first, wait=0)
    rig.fail(image_id)
    bulk = rig.accept(second)

    rig.accept(first, force=True)

    assert [job.image_id for job in rig.queued()][-2:] == [bulk, image_id]


def test_a_job_that_was_given_back_does_not_mix_up_the_order(rig: Rig) -> None:
    for image_id in ("b" * 64, "c" * 64):
        enqueue(rig.redis, ImageJob(StageName.LANDMARK, image_id, 1), urgent=True)
    enqueue(rig.redis, ImageJob(StageName.LANDMARK, "e" * 64, 1))
    # A dead worker's job comes back to the front.
    given_back = ImageJob(StageName.LANDMARK, "a" * 64, 1)
    enqueue(rig.redis, given_back)
    key = queue_of(StageName.LANDMARK, rig.redis).key
    rig.redis.lrem(key, 1, given_back.job_id)
    rig.redis.lpush(key, given_back.job_id)

    enqueue(rig.redis, ImageJob(StageName.LANDMARK, "d" * 64, 1), urgent=True)

    assert [job[0] for job in _images(rig.redis, StageName.LANDMARK)] == list("abcde")


def _interactive(rig: Rig, data: bytes) -> str:
    answer: httpx.Response = rig.http.post(
        "/v1/images", content=data, headers={"X-Priority": "interactive"}
    )
    assert answer.status_code == 202
    return str(answer.json()["images"][0]["image_id"])


def _images(redis: Redis, queue: str) -> list[str]:
    jobs = map(ImageJob.from_job_id, queue_of(queue, redis).job_ids)
    return [job.image_id for job in jobs if job is not None]
