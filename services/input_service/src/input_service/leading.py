"""Work that is for one input_service alone, of those that share an inbox: who does it just now.

The ledger gives the role to one at a time, and to another when the first is gone. Until the first
notices that, there may be two for some seconds; what they do may be done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from facepipe.domain.errors import FacepipeError
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import Role

SILENT_S = 5.0
"""After so long without a word of the ledger the role counts as lost."""

_AGAIN_S = 0.5

_log = logging.getLogger(__name__)


class Lead:
    """Asks the ledger for a role, in a thread.

    Args:
        role: the work.
        connect: makes a client for the stream.
    """

    def __init__(self, role: Role, connect: Callable[[], FaceStoreClient]) -> None:
        self._role = role
        self._connect = connect
        self._client: FaceStoreClient | None = None
        self._is_held = False
        self._heard_at = 0.0
        self._term = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lead-{role}", daemon=True)

    @property
    def term(self) -> int | None:
        """The number of the present term of this process; None: it has not got the role."""
        if not self._is_held:
            return None
        if time.monotonic() - self._heard_at > SILENT_S:
            self._note(is_held=False)
            if (client := self._client) is not None:
                client.close()  # and asks again
            return None
        return self._term

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets another one have it; call it when the work has stopped."""
        self._stop.set()
        if (client := self._client) is not None:
            client.close()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._client = client = self._connect()
            try:
                for is_held in client.hold_role(self._role):
                    self._note(is_held=is_held)
                    if self._stop.is_set():
                        break
            except (FacepipeError, ValueError) as error:  # the latter of a closed channel
                _log.debug("the ledger is asked for the role again: %s", error)
            finally:
                self._note(is_held=False)
                client.close()
            self._stop.wait(_AGAIN_S)

    def _note(self, *, is_held: bool) -> None:
        self._heard_at = time.monotonic()
        if is_held and not self._is_held:
            self._term += 1
            _log.info("this process is the one for %s from now on", self._role)
        self._is_held = is_held
