"""One stream for all images, which goes on where a client left it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.input.rig import Rig, photograph

Event = tuple[str, dict[str, Any]]


@contextmanager
def _stream(rig: Rig, last_event_id: str = "") -> Iterator[Iterator[Event]]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with rig.http.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.status_code == 200
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.strip()
        elif "data" in fields:
            yield fields["id"], json.loads(fields["data"])
            fields = {}


def _until(events: Iterator[Event], image_id: str, status: str) -> list[Event]:
    seen = []
    for event in events:
        seen.append(event)
        if (event[1]["image_id"], event[1]["status"]) == (image_id, status):
            return seen
    raise AssertionError("the stream ended")


def test_changes_of_all_images_come_as_they_are_made(rig: Rig) -> None:
    with _stream(rig) as events:
        first, second = (rig.accept(photograph(500 + n)) for n in range(2))
        rig.finish(first, ages=(30,))
        rig.fail(second)
        seen = _until(events, second, "failed")

    assert {event["image_id"] for _, event in seen} == {first, second}
    numbers = [int(number) for number, _ in seen]
    assert numbers == sorted(set(numbers))
    assert (first, "stored") in [(event["image_id"], event["status"]) for _, event in seen]


def test_a_client_that_comes_back_misses_nothing(rig: Rig) -> None:
    # Given a client that has seen an image come
    image_id = rig.accept(photograph(510))
    with _stream(rig, "0") as events:
        last = _until(events, image_id, "queued")[-1][0]

    # When the image is finished, and another one deleted, while it is away
    rig.finish(image_id)
    other = rig.accept(photograph(511))
    rig.http.delete(f"/v1/images/{other}")

    # Then it hears of both, and of nothing that it knew
    with _stream(rig, last) as events:
        seen = _until(events, other, "deleted")
    assert {event["image_id"] for _, event in seen} == {image_id, other}
    assert min(int(number) for number, _ in seen) > int(last)


def test_a_number_of_another_ledger_begins_with_what_changes_next(rig: Rig) -> None:
    with _stream(rig, str(2**62)) as events:
        image_id = rig.accept(photograph(520))
        assert _until(events, image_id, "queued")[0][1]["image_id"] == image_id


@pytest.mark.parametrize("number", ["-1", "x", str(2**64)])
def test_a_number_that_is_none_is_refused(rig: Rig, number: str) -> None:
    answer = rig.http.get("/v1/events", headers={"Last-Event-ID": number})

    assert answer.status_code == 400
