"""A batch program that sends everything it has, and a person who sends one and waits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import httpx

_FILES_A_CALL = 50
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Wait:
    """One upload with `?wait`: seconds until the result, beside so many unfinished images."""

    seconds: float
    beside: int


class Person:
    """Sends photographs one at a time and waits for each result."""

    def __init__(self, address: str, photographs: Sequence[bytes]) -> None:
        self._http = httpx.Client(base_url=address, timeout=_PATIENCE_S + 30, trust_env=False)
        self._photographs = photographs
        self._sent = 0

    def wait(self) -> Wait:
        """Raises AssertionError when there is no result after five minutes."""
        beside = in_flight(self._http)
        # Decoders stop where the image ends: the same picture under another id.
        data = self._photographs[self._sent % len(self._photographs)] + os.urandom(16)
        self._sent += 1
        begin = time.perf_counter()
        answer = self._http.post("/v1/images", params={"wait": _PATIENCE_S}, content=data)
        seconds = time.perf_counter() - begin
        [entry] = answer.raise_for_status().json()["images"]
        assert entry["result"], f"no result after {seconds:.0f} s: {entry}"  # noqa: S101 - ends the run
        return Wait(round(seconds, 3), beside)


class Bulk:
    """Sends images in calls of fifty, from a thread of its own; later where the API says so."""

    def __init__(self, address: str, images: Iterable[bytes]) -> None:
        self.accepted = 0
        self.put_off = 0
        self.seconds = 0.0
        self._http = httpx.Client(base_url=address, timeout=120, trust_env=False)
        self._images = images
        self._thread = threading.Thread(target=self._run, name="bulk", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        begin = time.monotonic()
        for batch in _batches(self._images, _FILES_A_CALL):
            left = batch
            while left:
                left = self._send(left)
        self.seconds = round(time.monotonic() - begin, 1)

    def _send(self, batch: Sequence[bytes]) -> list[bytes]:
        """Returns the images that were put off, after the pause that the API asked for."""
        files = [("files", ("bulk.jpg", data, "image/jpeg")) for data in batch]
        answer = self._http.post("/v1/images", files=files)
        if answer.status_code not in (202, 429):
            answer.raise_for_status()
        entries = answer.json()["images"]
        left = [data for data, entry in zip(batch, entries, strict=True) if entry["error"]]
        self.accepted += len(batch) - len(left)
        self.put_off += len(left)
        if left:
            time.sleep(float(answer.headers["retry-after"]))
        return left


def in_flight(http: httpx.Client) -> int:
    """How many accepted images are unfinished."""
    return int(http.get("/v1/stats").raise_for_status().json()["in_flight"])


def _batches(images: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for image in images:
        batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
