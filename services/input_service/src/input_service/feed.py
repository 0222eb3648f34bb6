"""States of images as they change: one stream from the ledger, many listeners."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

from facepipe.domain.errors import DeadlineExceededError, FacepipeError, ServiceUnavailableError
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState
from facepipe.system.inside_token import InsideToken

_log = logging.getLogger(__name__)
_LOOK_AGAIN_S = 2.0


class StateFeed:
    """Fans the ledger's stream out to whoever follows an image.

    The stream is for speed only: a follower that hears nothing for two seconds looks at the
    ledger itself, so that a broken stream delays and never loses a change.
    """

    def __init__(self, address: str, token: InsideToken, ca: Path | None = None) -> None:
        self._address = address
        self._token = token
        self._ca = ca
        self._watchers: set[asyncio.Event] = set()
        self._listeners: list[Callable[[ImageState | None], None]] = []
        self._followers: dict[str, set[asyncio.Queue[ImageState]]] = {}
        self._stop = threading.Event()
        self._client: FaceStoreClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="state-feed", daemon=True)

    def listen(self, listener: Callable[[ImageState | None], None]) -> None:
        """Calls the listener in the loop for each change; with None where some may be missed."""
        self._listeners.append(listener)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._client is not None:
            self._client.close()
        self._thread.join(timeout=5)

    async def follow(self, image_id: str, store: FaceStoreClient) -> AsyncIterator[ImageState]:
        """Yields the present state and every later one, up to a final one.

        Raises:
            ImageNotFoundError: there is no such image.
        """
        news: asyncio.Queue[ImageState] = asyncio.Queue()
        self._followers.setdefault(image_id, set()).add(news)
        try:
            shown = await asyncio.to_thread(store.get, image_id)
            yield shown
            while not shown.status.is_final:
                try:
                    state = await asyncio.wait_for(news.get(), _LOOK_AGAIN_S)
                except TimeoutError:
                    state = await asyncio.to_thread(store.get, image_id)
                else:
                    if state.revision < shown.revision:
                        continue  # from before the first look
                is_other = (state.generation, state.status) != (shown.generation, shown.status)
                shown = state
                if is_other:
                    yield shown
        finally:
            followers = self._followers[image_id]
            followers.discard(news)
            if not followers:
                del self._followers[image_id]

    async def changes(
        self, after: int | None, store: FaceStoreClient
    ) -> AsyncGenerator[ImageState, None]:
        """Yields images as they change, from the change of a number on, or from now on."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            present = await asyncio.to_thread(store.changes, None)
            seen = present.revision if after is None else min(after, present.revision)
            while True:
                changed.clear()
                try:
                    found = await asyncio.to_thread(store.changes, seen)
                except (ServiceUnavailableError, DeadlineExceededError) as error:
                    _log.debug("the ledger is away: %s", error)  # asked again below
                else:
                    for state in found.images:
                        yield state
                    seen = found.revision
                    if found.images:
                        continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_S)
        finally:
            self._watchers.discard(changed)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._client = FaceStoreClient(self._address, self._token, ca=self._ca)
            self._announce(None)
            try:
                for state in self._client.watch():
                    self._announce(state)
                    if self._stop.is_set():
                        return
            except FacepipeError as error:
                _log.debug("the ledger's stream broke: %s", error)
            except ValueError:
                return  # the channel was closed by stop()
            finally:
                self._client.close()
            self._stop.wait(1.0)

    def _announce(self, state: ImageState | None) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                self._loop.call_soon_threadsafe(self._wake, state)

    def _wake(self, state: ImageState | None) -> None:
        if state is not None:
            for news in self._followers.get(state.image_id, ()):
                news.put_nowait(state)
        for changed in self._watchers:
            changed.set()
        for listener in self._listeners:
            listener(state)
