"""Lists, numbers and exports over a ledger with some images in it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from facepipe.queue.stage_reports import StageReport, publish
from input_service.outlook import SERVICES
from tests.integration.input.rig import MODEL, Rig, photograph, wait_for


@pytest.fixture(scope="module")
def ids(rig: Rig) -> list[str]:
    """Five images in the order of arrival: ages 20 | 30, 60 | no face | failed | waiting."""
    names = ("c.png", "B.png", "e.png", "a.png", "d%.png")
    ids = [rig.accept(photograph(100 + n), name=name) for n, name in enumerate(names)]
    rig.finish(ids[0], ages=(20,))
    rig.finish(ids[1], ages=(30, 60))
    rig.finish(ids[2])
    rig.fail(ids[3])
    return ids


def test_pages_go_from_new_to_old_and_hold_each_image_once(rig: Rig, ids: list[str]) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = rig.http.get("/v1/images", params={"limit": 2, "cursor": cursor}).json()
        seen += [image["image_id"] for image in page["images"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("-received_at", [4, 3, 2, 1, 0]),
        ("received_at", [0, 1, 2, 3, 4]),
        ("file_name", [3, 1, 0, 4, 2]),
        ("-file_name", [2, 4, 0, 1, 3]),
        ("num_faces", [3, 4, 2, 0, 1]),
        ("-num_faces", [1, 0, 2, 4, 3]),
        ("updated_at", [4, 0, 1, 2, 3]),
        ("-updated_at", [3, 2, 1, 0, 4]),
    ],
)
def test_pages_keep_the_order_that_was_asked_for(
    rig: Rig, ids: list[str], sort: str, expected: list[int]
) -> None:
    # Where the key is the same, ids decide, whichever these are
    seen: list[str] = []
    cursor = ""
    totals = []
    while True:
        query = {"limit": "2", "cursor": cursor, "sort": sort}
        page = rig.http.get("/v1/images", params=query).json()
        seen += [image["image_id"] for image in page["images"]]
        totals.append(page["total"])
        if (cursor := page["next_cursor"]) is None:
            break

    same = {3, 4} if "num_faces" in sort else set()
    found = [ids.index(image_id) for image_id in seen]
    assert [n for n in found if n not in same] == [n for n in expected if n not in same]
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert totals == [5, None, None]


def test_a_cursor_of_another_order_is_refused(rig: Rig, ids: list[str]) -> None:
    cursor = rig.http.get("/v1/images?limit=1").json()["next_cursor"]

    answer = rig.http.get("/v1/images", params={"cursor": cursor, "sort": "file_name"})

    assert answer.status_code == 400
    assert "sort=-received_at" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=B", [1]),
        ("name=%25", [4]),
        ("name=nothing", []),
        ("min_gender_confidence=0.5", []),
        ("status=failed", [3]),
        ("status=failed&status=queued", [4, 3]),
        ("min_faces=1", [1, 0]),
        ("max_faces=0", [2]),
        ("min_age=50", [1]),
        ("min_age=35&max_age=55", []),  # no one face of image 1 is between its two ages
        ("gender=female", [1, 0]),
        ("gender=male", []),
        ("reliable=true", [1, 0]),
        ("reliable=false", []),
        ("min_quality=0.5", [1, 0]),
        ("min_quality=0.95", []),
        ("received_after=2100-01-01T00:00:00Z", []),
        ("received_before=2100-01-01T00:00:00%2B02:00&status=stored", [2, 1, 0]),
    ],
)
def test_filters_must_all_hold(rig: Rig, ids: list[str], query: str, expected: list[int]) -> None:
    answer = rig.http.get(f"/v1/images?{query}")

    found = [image["image_id"] for image in answer.json()["images"]]
    assert found == [ids[number] for number in expected]
    assert answer.json()["total"] == len(expected)


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("0001-01-01T00:00:00", 200),
        ("2024-01-01", 200),
        ("9999-12-31T23:59:59Z", 200),
        ("9999-12-31T23:59:59-23:00", 400),
        ("0001-01-01T00:00:00+23:00", 400),
        ("-5e9", 400),
        ("99999999999999999999", 400),
        ("yesterday", 400),
    ],
)
def test_moments_at_the_ends_of_the_calendar(rig: Rig, moment: str, status: int) -> None:
    for parameter in ("received_after", "received_before"):
        answer = rig.http.get("/v1/images", params={parameter: moment})

        assert answer.status_code == status, answer.text


def test_a_made_up_cursor_is_refused(rig: Rig) -> None:
    answer = rig.http.get("/v1/images", params={"cursor": "nonsense"})

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


def test_the_numbers_add_up(rig: Rig, ids: list[str]) -> None:
    def counted() -> dict[str, Any]:
        stats: dict[str, Any] = rig.http.get("/v1/stats").json()
        return stats

    wait_for(lambda: counted()["inbox"] == 1)
    stats = counted()

    final = sum(stats[status] for status in ("stored", "partial", "failed", "deleted"))
    assert stats["accepted"] == len(ids) == final + stats["in_flight"]
    assert stats["faces"] == 3


def test_the_numbers_name_models_and_problems(rig: Rig) -> None:
    # Given one stage that works, one that does not, and two that nobody has heard of
    publish(rig.redis, "a", StageReport(service="landmark_service", models={"detector": MODEL}))
    publish(rig.redis, "b", StageReport(service="agegender_service", problem="no weights"))

    stats = rig.http.get("/v1/stats").json()

    assert stats["models"] == {"detector": [MODEL.model_dump()]}
    assert stats["problems"]["agegender_service"] == "no weights"
    assert set(stats["problems"]) == set(SERVICES) - {"landmark_service"}


def test_everything_is_exported(rig: Rig, ids: list[str]) -> None:
    text = rig.http.get("/v1/export", params={"format": "csv"}).text

    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["age"] for row in rows) == ["", "20", "30", "60"]
