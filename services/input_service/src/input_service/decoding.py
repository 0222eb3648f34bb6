"""Decoding in processes that may die: what kills a decoder never kills the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Self, TypeVar

from facepipe.domain.errors import ImageTooLargeError, ServiceUnavailableError
from input_service.decoder_process import START_S, Decoder, Inspect, Readable, Task
from input_service.settings import UploadSettings

T = TypeVar("T")


class DecoderPool:
    """Decoder processes, each with a time and a memory limit; the dead are replaced."""

    def __init__(self, settings: UploadSettings) -> None:
        self._settings = settings
        self._limits = settings.limits
        # None stands for a decoder that is yet to be started.
        self._idle: LifoQueue[Decoder | None] = LifoQueue()
        self._is_closed = False
        for _ in range(settings.decoders):
            self._idle.put(self._start())

    def decode(self, data: bytes) -> Readable:
        """Decodes an upload; blocks until it is done, refused or killed. Thread-safe.

        Raises:
            ImageTooLargeError: bytes, pixels or the memory it takes are beyond the limits.
            UnsupportedImageError: no image of an accepted format.
            UndecodableImageError: broken, or it took too long, or it killed its decoder.
            ServiceUnavailableError: no decoder can be started just now.
        """
        if len(data) > self._limits.max_bytes:
            raise ImageTooLargeError(
                f"the file has {len(data)} bytes, the limit is {self._limits.max_bytes}"
            )
        return self.perform(Inspect(self._limits), data)

    def perform(self, task: Task[T], data: bytes) -> T:
        """Does a task with the bytes of an image, as `decode` does its own."""
        with self._usable(self._idle.get()) as decoder:
            return decoder.perform(task, data, self._settings.decode_timeout_s)

    def problem(self) -> str | None:
        """A check of `/readyz`: why nothing can be decoded. It replaces a decoder that died."""
        try:
            idle = self._idle.get_nowait()
        except Empty:
            return None  # all are at work
        try:
            with self._usable(idle):
                return None
        except ServiceUnavailableError as error:
            return error.message

    def close(self) -> None:
        """Ends all decoders; what they have in hand is waited for."""
        self._is_closed = True
        for _ in range(self._settings.decoders):
            decoder = self._idle.get(timeout=START_S + self._settings.decode_timeout_s)
            if decoder is not None:
                decoder.kill()

    @contextmanager
    def _usable(self, idle: Decoder | None) -> Iterator[Decoder]:
        """A decoder that is ready, the idle one or its successor; it goes back afterwards."""
        decoder = idle
        try:
            if decoder is None or not decoder.is_usable:
                if decoder is not None:
                    decoder.kill()
                decoder = self._start()
            decoder.wait_until_ready()
            yield decoder
        finally:
            # Not left to the collector: an error that knows of it would keep it alive.
            if decoder is not None and not decoder.is_usable:
                decoder.kill()
                decoder = None
            self._idle.put(decoder)

    def _start(self) -> Decoder:
        if self._is_closed:
            raise ServiceUnavailableError("the service is stopping")
        try:
            return Decoder(self._settings.decode_memory_mb * 2**20)
        except OSError as error:
            raise ServiceUnavailableError(
                f"no decoder can be started: {error}", retry_after_s=10
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
