"""How much of all uploads is in memory at once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import Buffer


class MemoryBudget:
    """A number of bytes that files share.

    Who finds it full waits. The one that came first never waits, or all might wait for each
    other with half a file each: what is held is at most `size` and one file.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._files: list[BufferedFile] = []
        self._changed = asyncio.Event()

    @property
    def held(self) -> int:
        return sum(file.size for file in self._files)

    @contextmanager
    def buffer(self) -> Iterator[BufferedFile]:
        """The buffer of one file."""
        file = BufferedFile(self)
        self._files.append(file)
        try:
            yield file
        finally:
            self._files.remove(file)
            file.leave()

    async def wait_for(self, file: BufferedFile, more: int) -> None:
        while file is not self._files[0] and self.held + more > self._size:
            await self._changed.wait()

    def changed(self) -> None:
        """Wakes all who wait."""
        self._changed.set()
        self._changed = asyncio.Event()


class BufferedFile(io.RawIOBase):
    """The bytes of one file, to be read from the beginning once they are all there.

    They are kept as they came: a buffer that grows would be copied, and need twice the memory.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        super().__init__()
        self._budget = budget
        self._chunks: list[bytes] = []
        self._next = 0
        self._rest = memoryview(b"")
        self.size = 0

    async def add(self, chunk: bytes) -> None:
        """Waits until the budget has space for these bytes, and takes them."""
        await self._budget.wait_for(self, len(chunk))
        self._chunks.append(chunk)
        self.size += len(chunk)

    def leave(self) -> None:
        """Gives back what was held."""
        self._chunks.clear()
        self.size = 0
        self.seek(0)
        self._budget.changed()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        while not self._rest and self._next < len(self._chunks):
            self._rest = memoryview(self._chunks[self._next])
            self._next += 1
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To the beginning; there is no other place to go to."""
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation
        self._next, self._rest = 0, memoryview(b"")
        return 0
