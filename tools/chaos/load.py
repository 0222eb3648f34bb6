"""Who sends images during the chaos, and who looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime

from facepipe_client import FINAL, Client, ClientError, Stats

_PARTS = ("stored", "partial", "failed", "deleted", "in_flight")
_POLL_S = 0.2
_LIST_EVERY_S = 1.5


class Uploader:
    """Sends images one after the other, spread over a time; again where one was not accepted."""

    def __init__(self, api: Client, images: Sequence[bytes], seconds: float) -> None:
        self.ids: list[str] = []
        self.refused = 0
        self.is_done = False
        self._api = api
        self._images = images
        self._pause_s = seconds / max(1, len(images))
        self._thread = threading.Thread(target=self._run, name="uploader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        begin = time.monotonic()
        for number, image in enumerate(self._images):
            self.ids.append(self._accepted(image))
            due = begin + (number + 1) * self._pause_s
            time.sleep(max(0.0, due - time.monotonic()))
        self.is_done = True

    def _accepted(self, image: bytes) -> str:
        while True:
            try:
                return self._api.upload(image).image_id
            except ClientError:
                self.refused += 1
                time.sleep(0.5)


class Watcher:
    """Polls `/v1/stats`, and the list of images for any that is finished a second time."""

    def __init__(self, api: Client, before: Stats) -> None:
        self.polls = 0
        self.unanswered = 0
        self.broken: list[str] = []
        self.finished_twice: set[str] = set()
        self._api = api
        self._accepted = before.accepted
        self._finished: dict[str, tuple[int, datetime]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        listed_at = 0.0
        while not self._stop.wait(_POLL_S):
            try:
                self._check(self._api.stats())
                if time.monotonic() - listed_at > _LIST_EVERY_S:
                    self._look_at_the_finished()
                    listed_at = time.monotonic()
            except ClientError:
                self.unanswered += 1

    def _check(self, stats: Stats) -> None:
        self.polls += 1
        accepted = stats.accepted
        parts = {name: getattr(stats, name) for name in _PARTS}
        if accepted != sum(parts.values()):
            self.broken.append(f"{accepted} accepted are not {parts}")
        if accepted < self._accepted:
            self.broken.append(f"{self._accepted} were accepted, now {accepted}")
        self._accepted = accepted

    def _look_at_the_finished(self) -> None:
        for image in self._api.images():
            if image.status not in FINAL:
                continue
            end = (image.generation, image.updated_at)
            if self._finished.setdefault(image.image_id, end) != end:
                self.finished_twice.add(image.image_id)
                self._finished[image.image_id] = end
                self.broken.append(f"finished twice: {image.image_id[:12]} {end}")
