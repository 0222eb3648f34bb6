"""Tells other programs of images that are finished: Standard Webhooks, in order, at least once.

The ledger numbers all changes. What a receiver has taken is the number of the last change that
it was told of, in a file: so nothing is lost by a restart of either side, and nothing is kept
twice. A receiver that does not answer is tried again after growing pauses, and hears the rest
when it is back.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import itertools
import json
import logging
import time
from contextlib import aclosing, suppress

from facepipe.domain.errors import FacepipeError, MisconfiguredError
from facepipe.files.inbox import RECEIVERS
from facepipe.files.store import FileStore
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState
from input_service.feed import StateFeed
from input_service.leading import Lead
from input_service.outgoing import Outgoing
from input_service.settings import WebhookSettings
from input_service.views import ImageView

PAUSES_S = (1, 5, 30, 120, 600, 1800, 3600)
_PREFIX = "whsec_"
_AGAIN_S = 2.0
_LOOK_S = 0.5
# Of the answers that refuse, those that say that it may be taken later.
_LATER = (408, 425, 429)

_log = logging.getLogger(__name__)


class Webhooks:
    """One task a receiver."""

    def __init__(
        self,
        settings: WebhookSettings,
        files: FileStore,
        feed: StateFeed,
        store: FaceStoreClient,
        outgoing: Outgoing,
        lead: Lead,
    ) -> None:
        """Raises MisconfiguredError: there are receivers, and no secret that can be used."""
        self._receivers = [
            Receiver(url, key_of(settings.secret), files, outgoing) for url in settings.urls.split()
        ]
        if self._receivers:
            files.prepare(RECEIVERS)
        self._feed = feed
        self._store = store
        self._lead = lead
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        if self._receivers:
            self._lead.start()
        self._tasks = [asyncio.create_task(self._tell(one)) for one in self._receivers]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._receivers:
            await asyncio.to_thread(self._lead.stop)

    async def _tell(self, receiver: Receiver) -> None:
        while True:
            term = self._lead.term
            if term is None:  # another process tells
                await asyncio.sleep(_LOOK_S)
                continue
            try:
                after = await asyncio.to_thread(receiver.position)
                if after is None:  # it is new: what was before is none of its business
                    present = await asyncio.to_thread(self._store.changes, None)
                    after = present.revision
                    await asyncio.to_thread(receiver.keep, after)
                async with aclosing(self._feed.changes(after, self._store)) as changes:
                    async for state in changes:
                        if self._lead.term == term and state.is_finished:
                            await receiver.tell(state)
                        if self._lead.term != term:
                            break
                        if state.is_finished:
                            await asyncio.to_thread(receiver.keep, state.revision)
            except (FacepipeError, OSError) as error:
                _log.warning("webhooks go on in a moment: %s", error)
            await asyncio.sleep(_AGAIN_S)


class Receiver:
    """A program that is told, and how far it was."""

    def __init__(self, url: str, key: bytes, files: FileStore, outgoing: Outgoing) -> None:
        self._url = url
        self._key = key
        self._outgoing = outgoing
        self._files = files
        self._name = f"{RECEIVERS}/{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def position(self) -> int | None:
        """The number of the last change that it was told of; None: it begins now."""
        try:
            return int(json.loads(self._files.get(self._name))["revision"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def keep(self, revision: int) -> None:
        self._files.put({self._name: json.dumps({"revision": revision}).encode()})

    async def tell(self, state: ImageState) -> None:
        """Sends until it is taken.

        A receiver that is away is waited for; one that refuses a message again and again goes
        without it.
        """
        body = json.dumps(
            {
                "type": f"image.{state.status}",
                "timestamp": state.updated_at.isoformat(),
                "data": ImageView.of(state).model_dump(mode="json"),
            }
        ).encode()
        message_id = f"msg_{state.image_id[:24]}_{state.revision}"
        for tried in itertools.count(1):
            status = 0
            problem = ""
            try:
                status = await self._outgoing.post(self._url, self._signed(message_id, body), body)
                problem = f"answered {status}"
            except FacepipeError as error:
                problem = error.message
            if 200 <= status < 300:
                return
            if 400 <= status < 500 and status not in _LATER and tried > len(PAUSES_S):
                _log.error("webhook %s is given up: %s", message_id, problem)
                return
            pause_s = PAUSES_S[min(tried, len(PAUSES_S)) - 1]
            _log.warning("webhook %s: %s; again in %d s", message_id, problem, pause_s)
            await asyncio.sleep(pause_s)

    def _signed(self, message_id: str, body: bytes) -> dict[str, str]:
        moment = str(int(time.time()))
        signed = b".".join((message_id.encode(), moment.encode(), body))
        signature = base64.b64encode(hmac.digest(self._key, signed, "sha256")).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature}",
        }


def key_of(secret: str) -> bytes:
    """The key in `whsec_<base64>`. Raises MisconfiguredError."""
    with suppress(binascii.Error):
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        if secret.startswith(_PREFIX) and 24 <= len(key) <= 64:
            return key
    raise MisconfiguredError(
        "FACEPIPE_WEBHOOK_SECRET has to be `whsec_` and 24 to 64 bytes in base64, e.g. "
        "whsec_$(openssl rand -base64 32)"
    )
