"""One decoder: a child process that decodes one upload after the other, and may die at it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from facepipe.domain.errors import (
    FacepipeError,
    ImageTooLargeError,
    ServiceUnavailableError,
    UndecodableImageError,
)
from facepipe.domain.geometry import ImageSize
from facepipe.files import jpeg_decodes
from facepipe.files.decoding import DecodeLimits, decode

T = TypeVar("T")
Task = Callable[[bytes], T]
"""What a decoder does with a file: picklable, like what comes of it."""

START_S = 60.0
_RETIRE_AFTER = 500
_READY = "ready"


@dataclass(frozen=True, slots=True)
class Readable:
    """What is known of an upload that could be decoded; the pixels stay with its decoder.

    Attributes:
        size: of the upright image.
        format: the name of an accepted format.
        orientation: of EXIF, which was applied.
        damaged: whether the file is cut short or broken.
        decoded_share: of the pixels, 0-1.
        frame: which one of an animation it is.
        is_preview: whether it is the JPEG inside a RAW file.
    """

    size: ImageSize
    format: str
    orientation: int
    damaged: bool
    decoded_share: float
    frame: int
    is_preview: bool


@dataclass(frozen=True, slots=True)
class Inspect:
    """The task to find out whether a file can be decoded, within limits."""

    limits: DecodeLimits

    def __call__(self, data: bytes) -> Readable:
        decoded = decode(data, replace(self.limits, without_pixels=True))
        return Readable(
            decoded.size,
            decoded.format,
            decoded.orientation,
            decoded.damaged,
            round(decoded.decoded_share, 4),
            decoded.frame,
            decoded.is_preview,
        )


class Decoder:
    """A decoder process, as the service sees it. Used by one thread at a time.

    Each has a pipe of its own: whatever state it dies in, no other one is touched.
    """

    def __init__(self, memory_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, memory_bytes), name="decoder", daemon=True
        )
        self._process.start()
        theirs.close()
        self._is_ready = False
        self._left = _RETIRE_AFTER

    @property
    def is_usable(self) -> bool:
        return self._left > 0 and self._process.is_alive()

    def wait_until_ready(self) -> None:
        """Raises ServiceUnavailableError when the process does not come up."""
        if self._is_ready:
            return
        try:
            if self._pipe.poll(START_S) and self._pipe.recv() == _READY:
                self._is_ready = True
                return
        except (EOFError, OSError):
            pass
        self.kill()
        raise ServiceUnavailableError("no decoder can be started", retry_after_s=10)

    def perform(self, task: Task[T], data: bytes, timeout_s: float) -> T:
        """Does a task; whatever the file did to the process becomes an error of the image."""
        self._left -= 1
        try:
            self._pipe.send(task)
            self._pipe.send_bytes(data)
            if not self._pipe.poll(timeout_s):
                self.kill()
                raise UndecodableImageError(f"decoding took longer than {timeout_s:g} s")
            answer, decodes = self._pipe.recv()
            jpeg_decodes.note(decodes)
            if isinstance(answer, MemoryError):
                self.kill()  # what is left of its memory is not worth keeping
                raise ImageTooLargeError("decoding needs more memory than is allowed")
            if isinstance(answer, FacepipeError):
                raise answer
        except (EOFError, OSError) as error:
            self.kill()
            raise UndecodableImageError("the image crashed its decoder") from error
        done: T = answer
        return done

    def kill(self) -> None:
        self._process.kill()
        self._process.join(timeout=5)
        self._pipe.close()


def _serve(pipe: Connection, memory_bytes: int) -> None:
    """Runs in the child until the service closes the pipe, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches us too; the service decides
    _limit(memory_bytes)
    pipe.send(_READY)
    while True:
        try:
            task = pipe.recv()
            data = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        _answer(pipe, task, data)


def _answer(pipe: Connection, task: Task[Any], data: bytes) -> None:
    """Sends what came of a task, and how many JPEGs were decoded for it."""
    before = jpeg_decodes.so_far()
    done = _done_or_error(task, data)
    pipe.send((done, jpeg_decodes.so_far() - before))


def _done_or_error(task: Task[Any], data: bytes) -> object:
    try:
        return task(data)
    except (FacepipeError, MemoryError) as error:
        return error
    except Exception as error:
        return UndecodableImageError(f"the image cannot be decoded: {error}")


def _limit(memory_bytes: int) -> None:
    """Limits memory, and drops what C libraries print of the files they read."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
