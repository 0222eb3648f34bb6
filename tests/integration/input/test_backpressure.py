"""A long queue: bulk uploads are sent away for a while, people come first in every stage."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from facepipe.queue.jobs import ImageJob, enqueue, queue_of
from facepipe.stages import StageName
from input_service.settings import InputSettings, QueueSettings
from tests.integration.input.bench import Bench, open_bench, photograph, wait_for

LIMIT = 8


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    settings = InputSettings(queue=QueueSettings(limit=LIMIT))
    with open_bench(tmp_path_factory.mktemp("input"), settings) as bench:
        yield bench


def test_above_the_limit_bulk_is_sent_away_and_people_are_not(bench: Bench) -> None:
    # Given as many images as may wait
    ids = [bench.accept(photograph(number)) for number in range(LIMIT)]

    # When more come
    refused = bench.send(photograph(50))
    known = bench.send(photograph(0))
    person = bench.send(photograph(51), wait=0)

    # Then new ones in bulk are told when to come again; known ones and people's are taken
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 600
    assert known.status_code == 202
    assert person.status_code == 200

    # And when some are done there is room again
    for image_id in ids[:4]:
        bench.finish(image_id)
    wait_for(lambda: bench.send(photograph(50)).status_code == 202)


def test_a_call_of_many_takes_what_fits_and_says_when_to_send_the_rest(bench: Bench) -> None:
    files = [("files", (f"{n}.png", photograph(n), "image/png")) for n in range(LIMIT + 2)]

    answer = bench.http.post("/v1/images", files=files)

    assert answer.status_code == 202
    errors = [entry["error"] for entry in answer.json()["images"]]
    assert errors[:LIMIT] == [None] * LIMIT
    assert {error["code"] for error in errors[LIMIT:]} == {"too_many_requests"}
    assert int(answer.headers["retry-after"]) >= 1


def test_what_people_wait_for_goes_first_in_its_own_order(bench: Bench) -> None:
    bulk = [bench.accept(photograph(number)) for number in range(3)]
    urgent = [bench.accept(photograph(10), wait=0), _interactive(bench, photograph(11))]
    bulk.append(bench.accept(photograph(3)))
    urgent.append(bench.accept(photograph(12), wait=0))

    assert [job.image_id for job in bench.queued()] == urgent + bulk


def test_an_image_stays_urgent_from_stage_to_stage(bench: Bench) -> None:
    # Given a bulk image, and one that a person waits for
    bulk, urgent = bench.accept(photograph(1)), bench.accept(photograph(2), wait=0)

    # When both have their faces, in the order of the upload
    for image_id in (bulk, urgent):
        bench.find_faces(image_id, faces=1)

    # Then the next stage has the person's first
    assert [job.image_id for job in bench.queued(StageName.AGEGENDER)] == [urgent, bulk]


def test_an_image_sent_again_as_bulk_is_not_urgent_because_it_once_was(bench: Bench) -> None:
    first, second = photograph(1), photograph(2)
    image_id = bench.accept(first, wait=0)
    bench.fail(image_id)
    bulk = bench.accept(second)

    bench.accept(first, force=True)

    assert [job.image_id for job in bench.queued()][-2:] == [bulk, image_id]


def test_a_job_that_was_given_back_does_not_mix_up_the_order(bench: Bench) -> None:
    for image_id in ("b" * 64, "c" * 64):
        enqueue(bench.redis, ImageJob(StageName.LANDMARK, image_id, 1), urgent=True)
    enqueue(bench.redis, ImageJob(StageName.LANDMARK, "e" * 64, 1))
    # A dead worker's job comes back to the front.
    given_back = ImageJob(StageName.LANDMARK, "a" * 64, 1)
    enqueue(bench.redis, given_back)
    key = queue_of(StageName.LANDMARK, bench.redis).key
    bench.redis.lrem(key, 1, given_back.job_id)
    bench.redis.lpush(key, given_back.job_id)

    enqueue(bench.redis, ImageJob(StageName.LANDMARK, "d" * 64, 1), urgent=True)

    assert [job[0] for job in _images(bench.redis, StageName.LANDMARK)] == list("abcde")


def _interactive(bench: Bench, data: bytes) -> str:
    answer: httpx.Response = bench.http.post(
        "/v1/images", content=data, headers={"X-Priority": "interactive"}
    )
    assert answer.status_code == 202
    return str(answer.json()["images"][0]["image_id"])


def _images(redis: Redis, queue: str) -> list[str]:
    jobs = map(ImageJob.from_job_id, queue_of(queue, redis).job_ids)
    return [job.image_id for job in jobs if job is not None]
