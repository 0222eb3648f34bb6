"""Where images stand: asked for, waited for, and followed as they change."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing

import httpx

from facepipe_client.documents import ImageState
from facepipe_client.errors import BusyError, NoAnswerError, NotFoundError, WaitTimeoutError
from facepipe_client.exchange import Exchange, parsed, valid
from facepipe_client.words import FINAL

# The API sends a comment every few seconds; silence beyond means a dead connection.
SILENCE_S = 60.0
AGAIN_S = 1.0
_UNKNOWN_S = 30.0
_SOON_S, _LATER_S = 0.05, 1.0


class Following(Exchange):
    """Calls that tell where images stand."""

    async def image(self, image_id: str) -> ImageState:
        """Where an image stands, and its timeline."""
        return await self._document(ImageState, f"/v1/images/{image_id}")

    async def follow(self, image_id: str) -> AsyncGenerator[ImageState, None]:
        """The states of an image as they change, up to a final one; survives broken streams."""
        while True:
            try:
                path = f"/v1/images/{image_id}/events"
                async with aclosing(self._events(path)) as events:
                    async for _, state in events:
                        yield state
                        if state.status in FINAL:
                            return
            except (NoAnswerError, BusyError):
                pass  # asked again below, which tells what is wrong
            await self._wire.sleep(AGAIN_S)
            state = await self.image(image_id)
            yield state
            if state.status in FINAL:
                return

    async def wait(self, image_id: str, timeout_s: float = 300.0) -> ImageState:
        """Waits until an image is finished.

        Raises:
            WaitTimeoutError: it was not, in this time.
        """
        return (await self.wait_all([image_id], timeout_s))[image_id]

    async def wait_all(
        self, image_ids: Iterable[str], timeout_s: float = 300.0
    ) -> dict[str, ImageState]:
        """Waits until all images are finished, also while the API is away for a moment.

        Raises:
            WaitTimeoutError: some were not, in this time.
        """
        states: dict[str, ImageState] = {}
        waiting = list(dict.fromkeys(image_ids))
        end, pause_s = time.monotonic() + timeout_s, _SOON_S
        while True:
            try:
                for image_id in list(waiting):
                    states[image_id] = await self.image(image_id)
                    if states[image_id].status in FINAL:
                        waiting.remove(image_id)
            except (NoAnswerError, BusyError):
                pass  # it may be there again before time is up
            except NotFoundError:
                # Accepted while the ledger was away: it is entered as soon as that is back.
                if time.monotonic() > end - timeout_s + _UNKNOWN_S:
                    raise
            if not waiting:
                return states
            if time.monotonic() > end:
                raise WaitTimeoutError(_unfinished(waiting, states, timeout_s))
            await self._wire.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LATER_S)

    async def changes(self, after: str = "") -> AsyncGenerator[tuple[str, ImageState], None]:
        """Images as they change, each with the id of the change; survives broken streams.

        Args:
            after: the id of the last change that was seen; without one, from now on.
        """
        while True:
            headers = {"Last-Event-ID": after} if after else {}
            try:
                async with aclosing(self._events("/v1/events", headers)) as events:
                    async for number, state in events:
                        after = number
                        yield number, state
            except (NoAnswerError, BusyError):
                pass  # asked again below, from the last one on
            await self._wire.sleep(AGAIN_S)

    async def _events(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[tuple[str, ImageState], None]:
        timeout = httpx.Timeout(SILENCE_S, connect=3.0)
        async with self._open("GET", path, timeout=timeout, headers=headers) as answer:
            fields: dict[str, str] = {}
            async for line in self._wire.lines(answer):
                name, _, value = line.partition(":")
                if line:
                    fields[name] = value.strip()
                    continue
                if "data" in fields:
                    yield fields.get("id", ""), valid(ImageState, parsed(fields["data"]))
                fields = {}


def _unfinished(waiting: list[str], states: dict[str, ImageState], timeout_s: float) -> str:
    found = {image_id[:8]: str(getattr(states.get(image_id), "status", "")) for image_id in waiting}
    shown = ", ".join(f"{name} {status}".strip() for name, status in list(found.items())[:5])
    return f"{len(waiting)} images are not finished after {timeout_s:g} s: {shown}"
