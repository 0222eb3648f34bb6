"""An API that remembers what was sent, and is busy or away as often as it is told."""

from __future__ import annotations

import hashlib
import re
import threading
import time

import httpx

from facepipe_client import Client, Status
from tests.support.scripted_api import state, taken

ERROR = {"code": "worker_died", "message": "the reason"}


class KnowingApi:
    """Knows what it is told, and is busy or away for as many uploads as it is told."""

    def __init__(self, *, busy: int = 0, away: int = 0) -> None:
        self.sent: list[str] = []
        self.folders: list[str] = []
        self.asked_at: list[float] = []
        self.retry_after = "0"
        self._known: dict[str, Status] = {}
        self._troubles: list[int | None] = [*[None] * away, *[429] * busy]
        self._lock = threading.Lock()

    def has_trouble(self, *troubles: int | None) -> None:
        """What the next uploads get: a status, or None for nobody there."""
        self._troubles += troubles

    def knows(self, image_id: str, status: Status = Status.STORED) -> None:
        self._known[image_id] = status

    def client(self) -> Client:
        return Client("http://api", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            with self._lock:
                self.asked_at.append(time.monotonic())
                self.folders.append(request.url.params.get("folder", ""))
                return self._take(request.read())
        image_id = request.url.path.rpartition("/")[2]
        status = self._known.get(image_id)
        if status is None:
            return httpx.Response(404, json={"code": "not_found"})
        return httpx.Response(200, json=state(status, error=ERROR, image_id=image_id))

    def _take(self, body: bytes) -> httpx.Response:
        if self._troubles:
            if (status := self._troubles.pop()) is None:
                raise httpx.ConnectError("nobody there")
            return httpx.Response(status, headers={"Retry-After": self.retry_after}, json={})
        head, _, content = body.partition(b"\r\n\r\n")
        data = content.rpartition(b"\r\n--")[0].partition(b"\r\n--")[0]
        if data == b"broken":
            return httpx.Response(415, json={"detail": "not an image", "code": "not_an_image"})
        name = re.search(rb'filename="(.*?)"', head)
        assert name
        image_id = hashlib.sha256(data).hexdigest()
        self.sent.append(name[1].decode())
        self._known[image_id] = Status.STORED
        return httpx.Response(202, json={"images": [taken(image_id=image_id)]})
