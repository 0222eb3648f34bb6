"""Decoding in processes that may die: what kills a decoder never kills the service."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from facepipe.errors import ImageTooLargeError, UndecodableImageError
from facepipe.imaging import DecodedImage, DecodeLimits, decode
from input_service.settings import UploadSettings

_TASKS_PER_PROCESS = 500


class DecoderPool:
    """Child processes that decode uploads, each with a time and a memory limit."""

    def __init__(self, settings: UploadSettings) -> None:
        self._limits = settings.limits
        self._timeout_s = settings.decode_timeout_s
        self._pool = ProcessPool(
            max_workers=settings.decoders,
            max_tasks=_TASKS_PER_PROCESS,
            initializer=_limit_memory,
            initargs=(settings.decode_memory_mb * 2**20,),
            context=multiprocessing.get_context("spawn"),
        )

    def decode(self, data: bytes) -> DecodedImage:
        """Decodes an upload; blocks until it is done, refused or killed. Thread-safe.

        Raises:
            ImageTooLargeError: bytes, pixels or the memory it takes are beyond the limits.
            UnsupportedImageError: no image of an accepted format.
            UndecodableImageError: broken, or it took too long, or it killed its decoder.
        """
        if len(data) > self._limits.max_bytes:
            raise ImageTooLargeError(
                f"the file has {len(data)} bytes, the limit is {self._limits.max_bytes}"
            )
        future = self._pool.schedule(_decode, args=(data, self._limits), timeout=self._timeout_s)
        try:
            decoded: DecodedImage = future.result()
        except FutureTimeoutError as error:
            raise UndecodableImageError(
                f"decoding took longer than {self._timeout_s:g} s"
            ) from error
        except ProcessExpired as error:
            raise UndecodableImageError("the image crashed its decoder") from error
        except MemoryError as error:
            raise ImageTooLargeError("decoding needs more memory than is allowed") from error
        return decoded

    def close(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
        self._pool.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _limit_memory(limit_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _decode(data: bytes, limits: DecodeLimits) -> DecodedImage:
    return decode(data, limits)
