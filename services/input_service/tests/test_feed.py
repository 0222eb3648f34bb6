"""Following an image, with the ledger and its stream played by the test."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.status import Status
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState
from facepipe.system.inside_token import InsideToken
from input_service.feed import StateFeed
from services.input_service.tests.fakes import FakeStore

ID = "a" * 64
MOMENT = datetime(2026, 11, 29, tzinfo=UTC)


class CountingStore(FakeStore):
    """Counts how often an image is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get(self, image_id: str, include_parts: bool = False) -> ImageState:
        self.asked += 1
        return super().get(image_id, include_parts)


def test_a_follower_takes_states_from_the_stream_and_leaves_the_ledger_alone() -> None:
    # given an image that is queued, and what the ledger's stream tells of it
    store, feed = CountingStore(), StateFeed("nowhere:1", InsideToken("t" * 16))
    image = ImageInfo(width=8, height=8, format="JPEG", sha256=ID)
    queued = ImageState(ID, 1, Status.QUEUED, image, MOMENT, MOMENT, revision=5)
    store.states[ID] = queued
    told = [
        replace(queued, status=Status.RECEIVED, revision=4),  # older than the first look
        replace(queued, status=Status.DETECTING, revision=6),
        replace(queued, status=Status.DETECTING, revision=7),
        replace(queued, status=Status.STORED, revision=8),
    ]

    # when somebody follows it
    async def follow() -> list[Status]:
        seen: list[Status] = []
        async for state in feed.follow(ID, cast(FaceStoreClient, store)):
            if not seen:
                for news in told:
                    feed._wake(news)
            seen.append(state.status)
        return seen

    seen = asyncio.run(follow())

    # then each change shows once and in order, and the ledger was asked once
    assert seen == [Status.QUEUED, Status.DETECTING, Status.STORED]
    assert store.asked == 1


def test_a_follower_that_hears_nothing_looks_at_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a stream that is silent, and an image that is finished meanwhile
    monkeypatch.setattr("input_service.feed._LOOK_AGAIN_S", 0.01)
    store, feed = CountingStore(), StateFeed("nowhere:1", InsideToken("t" * 16))
    image = ImageInfo(width=8, height=8, format="JPEG", sha256=ID)
    store.states[ID] = ImageState(ID, 1, Status.QUEUED, image, MOMENT, MOMENT, revision=5)

    # when somebody follows it, of a ledger that was built anew and counts from the start
    async def follow() -> list[Status]:
        seen: list[Status] = []
        async for state in feed.follow(ID, cast(FaceStoreClient, store)):
            seen.append(state.status)
            store.states[ID] = replace(state, status=Status.STORED, revision=1)
        return seen

    # then the end shows
    assert asyncio.run(follow()) == [Status.QUEUED, Status.STORED]
