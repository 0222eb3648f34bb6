"""Where Gradio puts uploads, and how they leave: none stays longer than it takes to send it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

# A file is taken up a moment after it came; what is not was left by a browser that went away.
KEEP_S = 120.0
SWEEP_EVERY_S = 20.0

_log = logging.getLogger(__name__)


class UploadFolder:
    """Gradio's folder of temporary files, which belongs to one viewer alone.

    Ages are measured by a monotonic clock, from when a file was last seen to change.

    Args:
        folder: made with mode 0700 if it is missing.
        keep_s: how long a file may lie unchanged without being taken up.
    """

    def __init__(
        self,
        folder: Path,
        keep_s: float = KEEP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder.resolve()
        self._keep_s = keep_s
        self._clock = clock
        self._taken: set[Path] = set()
        self._began_at: dict[object, float] = {}
        self._unchanged_since: dict[tuple[Path, int, int], float] = {}

    def take(self, path: Path) -> None:
        """Takes a file up: it stays until it is dropped."""
        self._taken.add(path.resolve())

    def drop(self, path: Path) -> None:
        """Removes a file; doing it twice does no harm."""
        self._taken.discard(path.resolve())
        with contextlib.suppress(OSError):
            path.unlink()
        self._remove_if_empty(path.parent)

    @contextlib.contextmanager
    def upload_on_its_way(self) -> Iterator[None]:
        """While files are being received."""
        call = object()
        self._began_at[call] = self._clock()
        try:
            yield
        finally:
            del self._began_at[call]

    def sweep(self) -> int:
        """Removes what nobody took up, half an upload included; returns how many files.

        A large selection may take its time, the first of its files lying unchanged meanwhile:
        only what was there before the oldest upload on its way began is swept.
        """
        now, seen, count = self._clock(), {}, 0
        oldest = min((*self._began_at.values(), now + 1))
        for path in [path for path in self._folder.rglob("*") if path.is_file()]:
            with contextlib.suppress(OSError):
                status = path.lstat()
                key = (path, status.st_mtime_ns, status.st_size)
                seen[key] = since = self._unchanged_since.get(key, now)
                is_left = now - since >= self._keep_s and since < oldest
                if is_left and path not in self._taken:
                    self.drop(path)
                    count += 1
        self._unchanged_since = seen
        return count

    def clear(self) -> None:
        """Leaves an empty folder that only this user may enter."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)

    @contextlib.asynccontextmanager
    async def kept_clean(self) -> AsyncIterator[None]:
        """Empties the folder before, sweeps it meanwhile, and removes it at the end."""
        self.clear()
        task = asyncio.create_task(self._sweep_again_and_again())
        try:
            yield
        finally:
            task.cancel()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _sweep_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_EVERY_S, self._keep_s))
            try:
                if count := await asyncio.to_thread(self.sweep):
                    _log.info("%d uploads that were never sent were removed", count)
            except Exception:
                _log.exception("a sweep of the uploads failed")

    def _remove_if_empty(self, folder: Path) -> None:
        if folder != self._folder:
            with contextlib.suppress(OSError):
                folder.rmdir()


class NotesUploads:
    """ASGI middleware that tells the folder which uploads are on their way."""

    def __init__(self, app: ASGIApp, *, uploads: UploadFolder) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/upload"):
            with self._uploads.upload_on_its_way():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)
