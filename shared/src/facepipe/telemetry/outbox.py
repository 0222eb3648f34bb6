"""Bounded delivery of log records and spans to an OTLP collector.

The batch processors of the OpenTelemetry SDK drop a batch that could not be sent. An `Outbox`
keeps it: records wait, oldest dropped first when the backlog is full, until the collector
answers again. Putting a record in never blocks and never fails.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc

from facepipe.system.tls import open_channel

T = TypeVar("T")
Metadata = Sequence[tuple[str, str]]

BATCH_SIZE = 256
SEND_PAUSE_S = 0.4
CALL_TIMEOUT_S = 5.0
RETRY_FIRST_S, RETRY_LAST_S = 0.5, 5.0
# Services start together: a collector that is not up yet is not worth a line.
GRACE_S = 8.0
# Errors that speak of the records, not of the collector: halving finds the record that is at
# fault. Everything else is worth waiting for.
_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.max_send_message_length", 4 * 2**20),
)
_log = logging.getLogger(__name__)


class Collector:
    """The connection to a collector, and whether it answers; reports an outage once."""

    def __init__(self, address: str, metadata: Metadata = (), ca: Path | None = None) -> None:
        self.address = address
        self.metadata = metadata
        self.channel = open_channel(address, ca, _CHANNEL_OPTIONS)
        self._lock = threading.Lock()
        self._down = False
        self._started_at = time.monotonic()

    def reached(self) -> None:
        with self._lock:
            was_down, self._down = self._down, False
        if was_down:
            _log.info("log collector %s answers again", self.address)

    def missed(self, reason: str) -> None:
        if time.monotonic() - self._started_at < GRACE_S:
            return
        with self._lock:
            was_down, self._down = self._down, True
        if not was_down:
            _log.warning(
                "log collector %s does not answer (%s); logs and spans are kept in memory, "
                "the oldest are dropped when there are too many",
                self.address,
                reason,
            )

    def close(self) -> None:
        self.channel.close()


class Outbox(Generic[T]):
    """A bounded queue and the thread that empties it.

    Args:
        name: what is kept, for the thread's name and messages.
        collector: the collector that `export` talks to.
        encode: turns records into the request of `export`.
        export: the stub's method, called with `timeout`.
        backlog: records kept at most; beyond, the oldest are dropped.
    """

    def __init__(
        self,
        name: str,
        collector: Collector,
        encode: Callable[[Sequence[T]], Any],
        export: Callable[..., Any],
        backlog: int,
    ) -> None:
        self.name = name
        self.dropped = 0
        self._collector = collector
        self._encode = encode
        self._export = export
        self._backlog = max(1, backlog)
        self._records: deque[T] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: T) -> None:
        """Keeps a record for sending; never blocks on the network."""
        if self._closed:
            return
        with self._lock:
            if len(self._records) >= self._backlog:
                self._records.popleft()
                self.dropped += 1
            self._records.append(record)
        self._wake.set()

    def stop(self, deadline: float) -> None:
        """Asks for a last delivery until `deadline` (of `time.monotonic`); see `join`."""
        self._deadline = deadline
        self._stopping.set()
        self._wake.set()

    def join(self) -> None:
        """Waits for the last delivery, not beyond the deadline given to `stop`."""
        if self._pid == os.getpid():
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        self._closed = True

    def abandon(self) -> None:
        """In a forked child: the records are the parent's to send, and its thread is not here."""
        self._closed = True
        self._lock = threading.Lock()
        self._records = deque()

    def _run(self) -> None:
        pause = RETRY_FIRST_S
        while True:
            self._wake.wait()
            self._wake.clear()
            self._stopping.wait(SEND_PAUSE_S)  # let a batch gather
            delivered = self._deliver()
            if self._stopping.is_set():
                return
            if delivered:
                pause = RETRY_FIRST_S
            else:
                self._stopping.wait(pause)
                pause = min(2 * pause, RETRY_LAST_S)
                self._wake.set()

    def _deliver(self) -> bool:
        """Sends what is there; False when the collector could not be reached."""
        size = BATCH_SIZE
        while time.monotonic() < self._deadline:
            batch = self._take(size)
            if not batch:
                return True
            size = BATCH_SIZE
            try:
                request = self._encode(batch)
                timeout = min(CALL_TIMEOUT_S, self._deadline - time.monotonic())
                self._export(request, timeout=max(0.05, timeout), metadata=self._collector.metadata)
            except Exception as error:
                status = error.code() if isinstance(error, grpc.RpcError) else None
                if isinstance(error, grpc.RpcError) and status not in _REFUSALS:
                    self._give_back(batch)
                    if not self._stopping.is_set():
                        self._collector.missed(getattr(status, "name", "no status"))
                    return False
                size = self._split(batch, error)
            else:
                self._collector.reached()
        return False

    def _split(self, batch: Sequence[T], error: Exception) -> int:
        """After a refusal: the next batch is half as large; a single record is given up."""
        if len(batch) > 1:
            self._give_back(batch)
            return len(batch) // 2
        self.dropped += 1
        _log.debug("the collector refused one of the %s: %s", self.name, error)
        return BATCH_SIZE

    def _take(self, size: int) -> list[T]:
        with self._lock:
            return [self._records.popleft() for _ in range(min(size, len(self._records)))]

    def _give_back(self, batch: Sequence[T]) -> None:
        with self._lock:
            room = min(len(batch), max(0, self._backlog - len(self._records)))
            kept = batch[len(batch) - room :]
            self.dropped += len(batch) - len(kept)
            self._records.extendleft(reversed(kept))
