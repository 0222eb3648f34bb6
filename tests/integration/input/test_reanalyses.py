"""Images are analysed again: the old result stays until the new one is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_storage_service import spare_time
from data_storage_service.wiring import open_services
from tests.integration.input.rig import Rig, open_bench, photograph, wait_for


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_time, "_EVERY_S", 0.05)


def _stored(rig: Rig, seed: int, folder: str, *ages: tuple[int, ...]) -> list[str]:
    ids = []
    for number, of_image in enumerate(ages):
        ids.append(rig.accept(photograph(seed + number), folder=folder))
        rig.finish(ids[-1], ages=of_image)
    return ids


def _begin(rig: Rig, query: str) -> dict[str, Any]:
    answer = rig.http.post(f"/v1/reanalyses?{query}")
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _report(rig: Rig, begun: dict[str, Any], **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = rig.http.get(begun["links"]["self"], params=query).json()
    return found


def _is_running(rig: Rig, image_id: str) -> bool:
    return bool(rig.http.get(f"/v1/images/{image_id}").json()["reanalysing"])


def _ages(rig: Rig, image_id: str) -> list[int]:
    document = rig.http.get(f"/v1/images/{image_id}/result").json()
    return [face["agegender"]["age"] for face in document["faces"]]


def test_the_old_result_stays_until_the_new_one_is_there(rig: Rig) -> None:
    # Given an image with a result
    [image_id] = _stored(rig, 2000, "again", (30,))

    # When it is analysed again, and has got to its faces
    begun = _begin(rig, "folder=again")
    wait_for(lambda: _is_running(rig, image_id))
    rig.find_faces(image_id, 2)

    # Then it is shown, listed, searched and exported as before
    assert _ages(rig, image_id) == [30]
    assert rig.status(image_id) == "stored"
    for query in ("status=stored&min_age=30&max_age=30", "min_age=29"):
        page = rig.http.get(f"/v1/images?folder=again&{query}").json()
        assert [one["image_id"] for one in page["images"]] == [image_id]
    assert ",30," in rig.http.get("/v1/export?format=csv&folder=again").text
    assert rig.http.get(f"/v1/images/{image_id}/faces/0/crop.jpg").status_code == 200

    # And the new result takes its place when it is there, and is told of
    rig.finish(image_id, ages=(41, 50))
    assert _ages(rig, image_id) == [41, 50]
    report = _report(rig, begun)
    assert (report["is_finished"], report["total"], report["images"]["done"]) == (True, 1, 1)
    assert report["difference"] == {
        "faces_before": 1, "faces_after": 2, "faces_gained": 1, "faces_lost": 0,
        "ages_moved": 1, "years_moved": 11, "genders_changed": 0,
    }  # fmt: skip
    assert [one["image_id"] for one in report["changed"]] == [image_id]
    assert not _is_running(rig, image_id)


def test_where_the_new_analysis_fails_the_old_result_stays_for_good(rig: Rig) -> None:
    [image_id] = _stored(rig, 2010, "fails", (30, 40))

    begun = _begin(rig, "folder=fails")
    wait_for(lambda: _is_running(rig, image_id))
    rig.fail(image_id)

    assert (rig.status(image_id), _ages(rig, image_id)) == ("stored", [30, 40])
    assert rig.http.get(f"/v1/images/{image_id}").json()["num_faces"] == 2
    report = _report(rig, begun)
    assert report["images"] == {"waiting": 0, "running": 0, "done": 0, "failed": 1, "skipped": 0}
    assert report["changed"][0]["error"]["code"] == "worker_died"


def test_what_is_sent_goes_first_and_only_some_are_on_the_queue(rig: Rig) -> None:
    # Given more images than are begun at once
    rig.drop_jobs()
    ids = _stored(rig, 2100, "many", *[()] * 20)

    begun = _begin(rig, "folder=many")
    wait_for(lambda: len(rig.queued()) >= 16)

    # Then the others wait while the queue is as long as that
    counts = _report(rig, begun)["images"]
    assert (counts["running"], counts["waiting"]) == (16, 4)

    # And follow when there is room
    for image_id in ids:
        wait_for(lambda image_id=image_id: _is_running(rig, image_id))  # type: ignore[misc]
        rig.finish(image_id)
    report = _report(rig, begun)
    assert (report["is_finished"], report["images"]["done"], report["changed"]) == (True, 20, [])


def test_an_image_that_is_sent_or_deleted_meanwhile_is_skipped(rig: Rig) -> None:
    sent, deleted, lost = _stored(rig, 2200, "meanwhile", (30,), (31,), (32,))
    (rig.settings.volumes.saved_data / "source" / lost).unlink()

    begun = _begin(rig, "folder=meanwhile")
    for image_id in (sent, deleted):
        wait_for(lambda image_id=image_id: _is_running(rig, image_id))  # type: ignore[misc]
    rig.accept(photograph(2200), force=True)
    rig.http.delete(f"/v1/images/{deleted}")

    wait_for(lambda: _report(rig, begun)["is_finished"])
    pages = [_report(rig, begun, limit=2)]
    pages.append(_report(rig, begun, cursor=pages[0]["next_cursor"]))
    codes = {one["image_id"]: one["error"]["code"] for page in pages for one in page["changed"]}
    assert codes == {sent: "overtaken", deleted: "overtaken", lost: "source_not_kept"}
    assert (rig.status(deleted), _ages(rig, lost)) == ("deleted", [32])


def test_a_reanalysis_goes_on_after_a_restart(tmp_path: Path) -> None:
    with open_bench(tmp_path) as rig:
        [image_id] = _stored(rig, 2300, "restart", (30,))
        begun = _begin(rig, "folder=restart")
        wait_for(lambda: _is_running(rig, image_id))

        # When the ledger is opened anew, as after a restart, and Redis has lost the job
        rig.drop_jobs()
        room = open_services(rig.room.settings)
        report = room.reanalyses.report(begun["reanalysis_id"])
        assert sum(report.images.values()) == 1
        room.close()

        # Then the image is begun once more, with its old result beside it
        assert _ages(rig, image_id) == [30]
        wait_for(lambda: rig.store.get(image_id).generation == 3)
        rig.finish(image_id, ages=(30,))
        report_now = _report(rig, begun)
        assert (report_now["images"]["done"], report_now["changed"]) == (1, [])


@pytest.mark.parametrize("query", ["", "status=failed", "status=deleted&folder=x"])
def test_it_is_said_which_images_and_they_have_results(rig: Rig, query: str) -> None:
    answer = rig.http.post(f"/v1/reanalyses?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert rig.http.get(f"/v1/reanalyses/{'0' * 32}").status_code == 404
