"""A batch program that sends everything it has, and a person who sends one and waits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from facepipe_client import Client

_FILES_A_CALL = 50
_PATIENCE_S = 300.0
_PUT_OFF_S = 2.0


@dataclass(frozen=True, slots=True)
class Wait:
    """One upload with `?wait`: seconds until the result, beside so many unfinished images."""

    seconds: float
    beside: int


class Person:
    """Sends photographs one at a time and waits for each result."""

    def __init__(self, address: str, photographs: Sequence[bytes]) -> None:
        self._api = Client(address)
        self._photographs = photographs
        self._sent = 0

    def wait(self) -> Wait:
        """Raises AssertionError when there is no result after five minutes."""
        beside = self._api.stats().in_flight
        # Decoders stop where the image ends: the same picture under another id.
        data = self._photographs[self._sent % len(self._photographs)] + os.urandom(16)
        self._sent += 1
        begin = time.perf_counter()
        accepted = self._api.upload(data, wait_s=_PATIENCE_S)
        seconds = time.perf_counter() - begin
        assert accepted.result, f"no result after {seconds:.0f} s: {accepted}"  # noqa: S101 - ends the run
        return Wait(round(seconds, 3), beside)


class Bulk:
    """Sends images in calls of fifty, from a thread of its own, and again what is put off."""

    def __init__(self, address: str, images: Iterable[bytes]) -> None:
        self.accepted = 0
        self.put_off = 0
        self.seconds = 0.0
        self._api = Client(address)
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
        """Returns the images that were put off, after a pause."""
        sent = self._api.upload_many(batch)
        left = [data for data, upload in zip(batch, sent, strict=True) if upload.error]
        refused = [upload.error for upload in sent if upload.error and upload.error.status != 429]
        if refused:
            raise RuntimeError(f"refused: {refused[0]}")
        self.accepted += len(batch) - len(left)
        self.put_off += len(left)
        if left:
            time.sleep(_PUT_OFF_S)
        return left


def _batches(images: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for image in images:
        batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
