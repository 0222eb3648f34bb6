"""Lists, numbers and exports over a ledger with some images in it."""

from __future__ import annotations

import csv
import io

import pytest

from facepipe.queue.stage_reports import StageReport, publish
from input_service.outlook import SERVICES
from tests.integration.input.rig import MODEL, Rig, photograph


@pytest.fixture(scope="module")
def ids(rig: Rig) -> list[str]:
    """Five images in the order of arrival: ages 20 | 30, 60 | no face | failed | waiting."""
    ids = [rig.accept(photograph(100 + number)) for number in range(5)]
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
    ("query", "expected"),
    [
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
    stats = rig.http.get("/v1/stats").json()

    final = sum(stats[status] for status in ("stored", "partial", "failed", "deleted"))
    assert stats["accepted"] == len(ids) == final + stats["in_flight"]
    assert stats["faces"] == 3
    assert stats["inbox"] == 1


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
