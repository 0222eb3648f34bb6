"""Two input_services and two data_storage_services share one PostgreSQL, one Redis, and folders.

One of each is killed while uploads come through both: what was accepted is stored or failed, once.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import FacepipeError
from facepipe.domain.status import Status
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.files.result_files import ResultFiles
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ListQuery
from tests.integration.input.rig import photograph
from tests.integration.input.test_webhooks import SECRET, Receiver, receiving
from tests.integration.replicas.replicas import Fleet, Replica, Stages, running
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import running_redis
from tests.support.waiting import wait_until

IMAGES = 90


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def fleet(tmp_path: Path, postgres: PostgresServer, receiver: Receiver) -> Iterator[Fleet]:
    (tmp_path / "redis").mkdir()
    webhooks = {
        "FACEPIPE_WEBHOOK_URLS": receiver.url,
        "FACEPIPE_WEBHOOK_SECRET": SECRET,
        "FACEPIPE_FETCH_PRIVATE": "127.0.0.0/8",
    }
    with (
        running_redis(tmp_path / "redis") as redis,
        running(Fleet(tmp_path, redis, postgres.new_database(), webhooks)) as fleet,
    ):
        yield fleet


class Listener:
    """Follows `/v1/events` of one input_service, and goes on where a stream broke."""

    def __init__(self, replica: Replica) -> None:
        self.ends: list[tuple[str, str]] = []
        self._url = f"{replica.url}/v1/events"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        last = ""
        while not self._is_over.is_set():
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with httpx.stream(
                    "GET", self._url, headers=headers, timeout=2, trust_env=False
                ) as stream:
                    for line in stream.iter_lines():
                        last = line.removeprefix("id:").strip() if line[:3] == "id:" else last
                        if line.startswith("data:"):
                            self._note(json.loads(line.removeprefix("data:")))
                        if self._is_over.is_set():
                            return
            except httpx.HTTPError:
                time.sleep(0.1)

    def _note(self, image: dict[str, str]) -> None:
        if Status(image["status"]).is_final:
            self.ends.append((image["image_id"], image["status"]))


def send(replica: Replica, data: bytes) -> str | None:
    """The id of the image; None where it was not accepted."""
    files = {"files": ("photo.png", data, "image/png")}
    try:
        answer = httpx.post(f"{replica.url}/v1/images", files=files, timeout=30, trust_env=False)
    except httpx.HTTPError:
        return None
    return str(answer.json()["images"][0]["image_id"]) if answer.status_code == 202 else None


def finished(client: FaceStoreClient) -> Counter[str]:
    counts: Counter[str] = Counter()
    cursor = ""
    while True:
        page = client.list(ListQuery(limit=500, cursor=cursor))
        counts.update(str(state.status) for state in page.images if state.is_finished)
        if not (cursor := page.next_cursor):
            return counts


def _soon(client: FaceStoreClient, wanted: int) -> bool:
    try:
        return finished(client).total() == wanted
    except FacepipeError:
        return False


def test_one_of_each_is_killed_and_nothing_is_lost_or_done_twice(
    fleet: Fleet, receiver: Receiver
) -> None:
    client, redis = fleet.client(), fleet.redis.client()
    listener = Listener(fleet.inputs["b"])
    first = fleet.holder()
    assert first in ("a", "b")
    second = "b" if first == "a" else "a"
    accepted: set[str] = set()
    with Stages(client, redis):
        # when uploads come through both, and of each service one is killed: of the ledger's the
        # one that sweeps, then, when that is back, the one that has taken over
        for number in range(IMAGES):
            if number == IMAGES // 3:
                fleet.stores[first].kill()
                fleet.inputs["a"].kill()
            if number == 2 * IMAGES // 3:
                wait_until(lambda: fleet.holder() == second, 15)
                fleet.stores[first].start()
                fleet.stores[first].wait()
                fleet.stores[second].kill()
                fleet.inputs["a"].start()
                fleet.inputs["a"].wait()
            data = photograph(number)
            for name in "ab" if number % 2 else "ba":
                if (image_id := send(fleet.inputs[name], data)) is not None:
                    accepted.add(image_id)
                    break
        wait_until(lambda: fleet.holder() == first, 15)
        assert len(accepted) == IMAGES

        # and one upload lies in the inbox of which the ledger was never told
        accepted.add(_left_in_the_inbox(fleet))

        # then all of them come to an end
        wait_until(lambda: _soon(client, len(accepted)), 180, 0.5)
    counts = finished(client)
    assert counts[Status.STORED] + counts[Status.FAILED] == len(accepted)
    assert counts[Status.FAILED] > 0

    # and each has one result, with the ledger and the folders of one mind
    files = ResultFiles(fleet.files)
    assert len(list(files.ids())) == counts[Status.STORED]
    wait_until(lambda: not list(Inbox(fleet.files).ids()), 30, 0.5)

    # and whoever listens, at whichever replica, was told of each end once
    wait_until(lambda: {image_id for image_id, _ in listener.ends} == accepted, 30)
    assert max(Counter(listener.ends).values()) == 1
    wait_until(lambda: {image_id for _, image_id in receiver.told} == accepted, 30)
    # A message in hand when its sender is killed is sent again by the next one.
    assert len(receiver.told) <= len(accepted) + 1
    listener.close()
    client.close()
    redis.close()


def _left_in_the_inbox(fleet: Fleet) -> str:
    data = photograph(IMAGES)
    image_id = hashlib.sha256(data).hexdigest()
    image = ImageInfo(width=48, height=32, format="PNG", sha256=image_id, size_bytes=len(data))
    entry = InboxEntry(image=image, received_at=datetime.now(UTC))
    Inbox(fleet.files).add(image_id, data, entry)
    return image_id


def test_what_is_changed_through_one_is_seen_through_the_other(fleet: Fleet) -> None:
    # given an image that was sent through one, while work rests
    a, b = (fleet.inputs[name].url for name in "ab")
    with httpx.Client(trust_env=False, timeout=30) as http:
        since = http.post(f"{a}/v1/queue/pause").json()["paused_at"]
        image_id = send(fleet.inputs["a"], photograph(1))
        assert http.get(f"{b}/v1/images/{image_id}").status_code == 200

        # then the other, whichever ledger it asks, knows of both
        for _ in range(6):
            assert http.get(f"{b}/v1/stats").json()["paused_at"] == since
            time.sleep(0.5)

        # when it is deleted there, and work goes on, then the first knows at once
        assert http.delete(f"{b}/v1/images/{image_id}").status_code == 204
        assert http.get(f"{a}/v1/images/{image_id}").status_code in (200, 410)
        assert http.post(f"{b}/v1/queue/resume").json()["paused_at"] is None
        for _ in range(4):
            assert http.get(f"{a}/v1/stats").json()["paused_at"] is None
