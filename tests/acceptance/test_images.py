"""Where an image stands, and which images there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Album, Fresh
from tests.support.running_stack import Stack
from tests.support.waiting import wait_until
from tools.stack_driver.api import upload_all
from tools.stack_driver.photos import resized

LIFE = ("received", "queued", "detecting", "analysing", "storing", "stored")
STAGES = ["landmark", "agegender", "storage"]
SERVICES = {"input_service", "landmark_service", "agegender_service", "data_storage_service"}
UNKNOWN = "0" * 64

Estimate = dict[str, Any]
State = dict[str, Any]
Filter = dict[str, str | int | list[str]]


def test_a_state_tells_what_each_stage_did(album: Album) -> None:
    state = album.states[album.portraits[0]]

    assert (state["generation"], state["num_faces"], state["error"]) == (1, 1, None)
    assert state["image"]["sha256"] == state["image_id"] == album.portraits[0]
    assert [run["stage"] for run in state["timeline"]] == STAGES
    moments = [_moment(state["received_at"])]
    for run in state["timeline"]:
        assert (run["attempt"], run["error"]) == (1, None)
        assert run["worker"]
        moments += [_moment(run["started_at"]), _moment(run["ended_at"])]
    assert moments == sorted(moments)


def test_a_photograph_of_nobody_needs_no_age(album: Album) -> None:
    stages = [run["stage"] for run in album.states[album.nobody]["timeline"]]

    assert stages == ["landmark", "storage"]


def test_events_follow_an_image_to_its_end(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given an image behind some others
    *_, last = upload_all(stack.api, (fresh(resized(path, 710)) for path in portraits[:5]))

    # When its events are followed
    with http.stream("GET", f"/v1/images/{last}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = list(answer.iter_lines())

    # Then each is a state, in the order of an image's life, and the last one ends the stream
    assert {line for line in lines if line.startswith("event:")} == {"event: state"}
    states = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    assert {state["image_id"] for state in states} == {last}
    statuses = [state["status"] for state in states]
    assert statuses == sorted(statuses, key=LIFE.index)
    assert len(set(statuses)) > 1
    assert statuses[-1] == "stored"


def test_one_trace_leads_through_the_services(stack: Stack, album: Album) -> None:
    image_id = album.portraits[1]

    def leads_through_all() -> bool:
        services: dict[str, set[str]] = {}
        for span in stack.api.trace(image_id)["spans"]:
            services.setdefault(span["trace_id"], set()).add(span["service"])
        return any(found >= SERVICES for found in services.values())

    wait_until(leads_through_all, every_s=0.5)  # spans arrive a little later
    assert {line["service"] for line in stack.api.trace(image_id)["logs"]} <= SERVICES


def test_the_list_goes_from_new_to_old_and_holds_each_image_once(
    http: httpx.Client, album: Album
) -> None:
    # When the list is gone through in small pages
    listed: list[State] = []
    cursor: str | None = ""
    while cursor is not None:
        parameters: Filter = {"limit": 7, "cursor": cursor, "received_after": _before(album)}
        page = http.get("/v1/images", params=parameters).json()
        assert len(page["images"]) <= 7
        listed += page["images"]
        cursor = page["next_cursor"]

    # Then it has each image once, in the order of their arrival, without its timeline
    moments = [_moment(state["received_at"]) for state in listed]
    assert moments == sorted(moments, reverse=True)
    ours = [state for state in listed if state["image_id"] in album.ids]
    assert len(ours) == len(album.ids)
    assert all(album.states[s["image_id"]] | {"timeline": []} == s for s in ours)


def test_filters_on_images(http: httpx.Client, album: Album) -> None:
    # Given a moment between the arrivals of two images
    moments = sorted(_moment(state["received_at"]) for state in album.states.values())
    earlier, later = moments[10:12]
    middle = earlier + (later - earlier) / 2
    filters: list[tuple[Filter, Callable[[State], bool]]] = [
        ({"min_faces": 2}, lambda state: state["num_faces"] >= 2),
        ({"max_faces": 0}, lambda state: state["num_faces"] == 0),
        ({"min_faces": 1, "max_faces": 1}, lambda state: state["num_faces"] == 1),
        ({"received_after": f"{middle}"}, lambda state: _moment(state["received_at"]) > middle),
        ({"received_before": f"{middle}"}, lambda state: _moment(state["received_at"]) < middle),
    ]
    for parameters, fits in filters:
        found = _listed(http, album, **parameters)

        expected = {image_id for image_id, state in album.states.items() if fits(state)}
        assert found == expected, parameters
        assert set() < expected < album.ids, parameters


def test_filters_on_faces_must_all_hold_for_one_face(http: httpx.Client, album: Album) -> None:
    # Given an age in the middle of those of the album
    age = int(median(one["age"] for i in album.portraits for one in _estimates(album, i)))
    filters: list[tuple[Filter, Callable[[Estimate], bool]]] = [
        ({"gender": "female"}, lambda one: one["gender"] == "female"),
        ({"gender": "male"}, lambda one: one["gender"] == "male"),
        ({"min_age": age + 1}, lambda one: one["age"] > age),
        ({"max_age": age}, lambda one: one["age"] <= age),
        (
            {"gender": "female", "max_age": age},
            lambda one: one["gender"] == "female" and one["age"] <= age,
        ),
    ]
    for parameters, fits in filters:
        found = _listed(http, album, **parameters)

        expected = {i for i in album.ids if any(fits(one) for one in _estimates(album, i))}
        assert found == expected, parameters
        assert set() < expected < album.ids, parameters


def test_the_filter_on_the_status(http: httpx.Client, album: Album) -> None:
    assert _listed(http, album, status="stored") == album.ids
    assert _listed(http, album, status=["partial", "stored"]) == album.ids
    assert _listed(http, album, status=["partial", "failed"]) == set()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1/images/{UNKNOWN}", 404, "not_found"),
        (f"/v1/images/{UNKNOWN}/result", 404, "not_found"),
        (f"/v1/images/{UNKNOWN}/annotated", 404, "not_found"),
        (f"/v1/images/{UNKNOWN}/source", 404, "not_found"),
        (f"/v1/images/{UNKNOWN}/events", 404, "not_found"),
        ("/v1/images/..%2Fetc", 404, "not_found"),
        ("/v1/images/portrait.jpg", 400, "invalid_request"),
        ("/v1/images?cursor=nonsense", 400, "invalid_request"),
        ("/v1/images?min_age=old", 400, "invalid_request"),
        ("/v1/export?format=xls", 400, "invalid_request"),
        ("/v1/plots/none.png", 404, "not_found"),
        ("/v2", 404, "not_found"),
    ],
)
def test_what_there_is_not_is_a_problem_with_a_stable_code(
    http: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = http.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def _listed(http: httpx.Client, album: Album, **parameters: str | int | list[str]) -> set[str]:
    """Which images of the album a search finds."""
    window: Filter = {"received_after": _before(album), "limit": 500}
    page = http.get("/v1/images", params=window | parameters).raise_for_status().json()
    assert page["next_cursor"] is None
    return {state["image_id"] for state in page["images"]} & album.ids


def _estimates(album: Album, image_id: str) -> list[Estimate]:
    return [face["agegender"] for face in album.documents[image_id]["faces"]]


def _before(album: Album) -> str:
    """A moment before the first image of the album came."""
    first = min(_moment(state["received_at"]) for state in album.states.values())
    return (first - timedelta(seconds=1)).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
