"""Registers what was accepted while the ledger was away, and erases what is finished.

One process at a time does so, of those that share the inbox (`leading.py`).

The inbox is the truth: what lies in it is in the ledger sooner or later, and the ledger sees to
its jobs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from facepipe.domain.errors import FacepipeError, FilesUnavailableError, ImageNotFoundError
from facepipe.domain.status import Status
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState, ListQuery

FULL_EVERY_S = 60.0
HALF_DONE_AFTER = timedelta(minutes=1)
"""Age of a file that whoever wrote it has left behind; a younger one may still be written."""

_LOOK_S = 0.25

_log = logging.getLogger(__name__)
_IN_FLIGHT = tuple(status for status in Status if not status.is_final)


class Reconciler:
    """Compares the inbox with the ledger, and closes the gaps between them."""

    def __init__(
        self, inbox: Inbox, store: FaceStoreClient, leads: Callable[[], bool], every_s: float
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._leads = leads
        self._every_s = every_s
        self._registered: set[str] = set()
        self._revision = -1
        self._full_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def note_registered(self, image_id: str) -> None:
        """This upload needs no look for the next minute."""
        self._registered.add(image_id)

    def reconcile(self) -> int:
        """One pass; returns how many uploads were registered.

        What is known to be registered is looked at again only once a minute, and where the ledger
        has changed since.

        Raises:
            FacepipeError: the ledger does not answer; the next pass tries again.
        """
        if is_full := time.monotonic() >= self._full_at:
            self._tidy()
            revision = self._store.changes(None).revision
            if revision != self._revision:
                self._registered, self._revision = self._in_flight(), revision
        uploads = self._inbox.ids()
        self._registered &= uploads
        count = 0
        for image_id in uploads - self._registered:
            count += self._settle(image_id)
            self._registered.add(image_id)
        if is_full:
            self._full_at = time.monotonic() + FULL_EVERY_S
        return count

    def _run(self) -> None:
        while True:
            if leads := self._leads():
                self._pass()
            else:
                self._registered, self._revision, self._full_at = set(), -1, 0.0
            if self._stop.wait(self._every_s if leads else min(self._every_s, _LOOK_S)):
                return

    def _pass(self) -> None:
        try:
            self.reconcile()
        except (FacepipeError, OSError) as error:
            _log.warning("cannot reconcile now: %s", error)
        except Exception:
            _log.exception("reconciling failed")

    def _tidy(self) -> None:
        try:
            self._inbox.tidy(HALF_DONE_AFTER)
        except (OSError, FilesUnavailableError) as error:
            _log.warning("what a crash has left in the inbox stays there: %s", error)

    def _in_flight(self) -> set[str]:
        ids: set[str] = set()
        cursor = ""
        while True:
            page = self._store.list(ListQuery(statuses=_IN_FLIGHT, limit=500, cursor=cursor))
            ids.update(state.image_id for state in page.images)
            if not (cursor := page.next_cursor):
                return ids

    def _settle(self, image_id: str) -> bool:
        """Registers an unknown upload, erases a finished one; True when it registered it."""
        try:
            entry = self._inbox.entry(image_id)
        except ImageNotFoundError:
            return False
        except ValueError as error:
            _log.error("its note cannot be read: %s", error, extra={"image_id": image_id})
            return False
        try:
            state = self._store.get(image_id)
        except ImageNotFoundError:
            return self._register(image_id, entry)
        if not state.status.is_final:
            return False
        # An upload that the ledger knows is older than its end, whatever the clock did between.
        if max(state.updated_at, state.received_at) >= entry.received_at:
            self._inbox.remove(image_id)
            return False
        # Sent again after it had been finished, while the ledger was down.
        return self._register(image_id, entry, state)

    def _register(self, image_id: str, entry: InboxEntry, known: ImageState | None = None) -> bool:
        self._store.register(
            image_id,
            entry.image,
            entry.received_at,
            new_generation=known is not None,
            expected_generation=0 if known is None else known.generation,
            urgent=entry.is_urgent,
            traceparent=entry.traceparent,
        )
        _log.warning("accepted earlier, registered now", extra={"image_id": image_id})
        return True
