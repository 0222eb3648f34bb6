"""The whole API on one image, with a real Redis and a real ledger."""

from __future__ import annotations

import hashlib
import json
import threading

from tests.integration.input.rig import Rig, photograph, wait_for


def test_an_upload_is_on_disk_in_the_ledger_and_on_the_queue(rig: Rig) -> None:
    # When an image is sent
    data = photograph(1)
    answer = rig.send(data)

    # Then the answer says that it is queued, and so it is
    assert answer.status_code == 202
    (entry,) = answer.json()["images"]
    image_id = entry["image_id"]
    assert entry["status"] == "queued"
    assert rig.inbox.read(image_id) == data
    assert rig.store.get(image_id).image.format == "PNG"
    assert [job.generation for job in rig.queued() if job.image_id == image_id] == [1]
    assert rig.http.get(entry["links"]["source"]).content == data
    assert rig.http.get(entry["links"]["result"]).json()["code"] == "not_finished"


def test_the_same_bytes_again_are_the_same_image(rig: Rig) -> None:
    image_id = rig.accept(photograph(2))

    again = rig.send(photograph(2)).json()["images"][0]

    assert (again["image_id"], again["known"]) == (image_id, True)
    assert len([job for job in rig.queued() if job.image_id == image_id]) == 1


def test_the_result_is_served_when_it_is_there(rig: Rig) -> None:
    image_id = rig.accept(photograph(3))

    rig.finish(image_id, ages=(31,))

    document = rig.http.get(f"/v1/images/{image_id}/result").json()
    assert document["num_faces"] == 1
    assert document["faces"][0]["agegender"]["age"] == 31
    annotated = rig.http.get(f"/v1/images/{image_id}/annotated")
    assert annotated.headers["content-type"] == "image/jpeg"
    assert annotated.content[:2] == b"\xff\xd8"
    assert image_id not in rig.inbox
    assert rig.http.get(f"/v1/images/{image_id}/source").content == photograph(3)


def test_a_bad_range_of_a_file_is_a_problem_like_any_other(rig: Rig) -> None:
    # Given a stored image
    image_id = rig.accept(photograph(17))
    rig.finish(image_id)

    for name in ("result", "annotated", "source"):
        # When a part of its files is asked for that cannot be read, or is not there
        url = f"/v1/images/{image_id}/{name}"
        malformed = rig.http.get(url, headers={"Range": "bytes=all"})
        beyond = rig.http.get(url, headers={"Range": "bytes=99999999-"})

        # Then the answers are problem documents
        assert (malformed.status_code, malformed.json()["code"]) == (400, "invalid_request")
        assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
        for answer in (malformed, beyond):
            assert answer.headers["content-type"] == "application/problem+json"


def test_force_runs_a_finished_image_again(rig: Rig) -> None:
    # Given a finished image
    image_id = rig.accept(photograph(4))
    rig.finish(image_id)

    # When it is sent again, without and with force
    plain = rig.send(photograph(4)).json()["images"][0]
    forced = rig.send(photograph(4), force=True).json()["images"][0]

    # Then only force has it analysed anew
    assert (plain["status"], plain["known"]) == ("stored", True)
    assert (forced["status"], forced["known"]) == ("queued", True)
    assert 2 in [job.generation for job in rig.queued() if job.image_id == image_id]
    rig.finish(image_id)
    assert rig.status(image_id) == "stored"


def test_a_failed_image_is_run_again_on_request(rig: Rig) -> None:
    image_id = rig.accept(photograph(5))
    assert rig.http.post(f"/v1/images/{image_id}/retry").status_code == 409
    rig.fail(image_id)
    assert rig.http.get(f"/v1/images/{image_id}/result").json()["code"] == "failed"

    answer = rig.http.post(f"/v1/images/{image_id}/retry")

    assert answer.status_code == 202
    assert rig.status(image_id) == "queued"
    assert rig.store.get(image_id).generation == 2
    rig.finish(image_id)
    assert rig.http.post(f"/v1/images/{image_id}/retry").status_code == 400


def test_a_deleted_image_is_gone_everywhere(rig: Rig) -> None:
    # Given one that is finished and one that is waiting
    finished, waiting = rig.accept(photograph(6)), rig.accept(photograph(7))
    rig.finish(finished, ages=(40,))

    for image_id in (finished, waiting):
        # When it is deleted
        assert rig.http.delete(f"/v1/images/{image_id}").status_code == 204

        # Then no file, no cached pixel is left, and the API says so
        for part in ("result", "annotated", "source"):
            assert rig.http.get(f"/v1/images/{image_id}/{part}").status_code == 410
        assert image_id not in rig.inbox
        left = rig.settings.volumes.saved_data.rglob(f"{image_id}*")
        assert not list(left)
        assert not rig.redis.exists(f"image:{image_id}", f"crops:{image_id}")
        assert rig.status(image_id) == "deleted"
        assert rig.http.delete(f"/v1/images/{image_id}").status_code == 404

    # And the same bytes are accepted as if they were new
    assert rig.send(photograph(6)).json()["images"][0]["status"] == "queued"


def test_events_follow_an_image_to_its_end(rig: Rig) -> None:
    image_id = rig.accept(photograph(8))
    finisher = threading.Timer(0.5, rig.finish, (image_id,))

    finisher.start()
    with rig.http.stream("GET", f"/v1/images/{image_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    finisher.join()

    states = [json.loads(line.removeprefix("data:"))["status"] for line in lines]
    assert states[0] == "queued"
    assert states[-1] == "stored"


def test_the_events_of_an_unknown_image_are_a_problem_document(rig: Rig) -> None:
    answer = rig.http.get(f"/v1/images/{'0' * 64}/events")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_wait_answers_with_the_result(rig: Rig) -> None:
    data = photograph(9)
    image_id = hashlib.sha256(data).hexdigest()

    def finish_when_queued() -> None:
        wait_for(lambda: image_id in {job.image_id for job in rig.queued()})
        rig.finish(image_id, ages=(22, 23))

    finisher = threading.Thread(target=finish_when_queued)
    finisher.start()
    answer = rig.send(data, wait=30)
    finisher.join()

    assert answer.status_code == 200
    assert answer.json()["images"][0]["result"]["num_faces"] == 2


def test_wait_answers_without_the_result_when_time_is_up(rig: Rig) -> None:
    answer = rig.send(photograph(10), wait=0.2)

    assert answer.status_code == 200
    assert answer.json()["images"][0]["status"] == "queued"
    assert answer.json()["images"][0]["result"] is None
