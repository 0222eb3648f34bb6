"""Analyses images again while the queue has little else: what was sent goes first."""

from __future__ import annotations

import logging
import threading

from redis import Redis
from redis.exceptions import RedisError

from data_storage_service.dispatch import Dispatcher
from data_storage_service.leading import Lead
from data_storage_service.ledger import Ledger
from data_storage_service.reanalyses import Reanalyses
from facepipe.domain.analysis import PartError
from facepipe.domain.errors import FacepipeError
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.queue.jobs import queue_of
from facepipe.queue.redis_connection import explain
from facepipe.stages import StageName

_EVERY_S = 1.0
_AT_ONCE = 16
_NO_SOURCE = PartError(code="source_not_kept", message="its upload was not kept")
_NO_RESULT = PartError(code="no_result", message="it has no result any more")

_log = logging.getLogger(__name__)


class SpareTime:
    """Puts images that wait for a reanalysis on the queue, as long as that is short."""

    def __init__(
        self,
        ledger: Ledger,
        reanalyses: Reanalyses,
        dispatcher: Dispatcher,
        lead: Lead,
        redis: Redis,
        files: ResultFiles,
        inbox: Inbox,
    ) -> None:
        self._ledger = ledger
        self._reanalyses = reanalyses
        self._dispatcher = dispatcher
        self._lead = lead
        self._redis = redis
        self._files = files
        self._inbox = inbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spare-time", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def use(self) -> int:
        """One pass; returns how many images were begun.

        Raises:
            RedisError: it does not tell how much waits.
            FacepipeError: the ledger cannot be used now.
        """
        room = _AT_ONCE - len(queue_of(StageName.LANDMARK, self._redis))
        if room <= 0:
            return 0
        return sum(self._begin(image_id) for image_id in self._reanalyses.waiting(room))

    def _begin(self, image_id: str) -> bool:
        if self._files.source(image_id) is None and image_id not in self._inbox:
            self._reanalyses.skip(image_id, _NO_SOURCE)
            return False
        begun = self._ledger.analyse_again(image_id)
        if begun is None:
            self._reanalyses.skip(image_id, _NO_RESULT)
        if begun:
            self._dispatcher.dispatch(image_id)
        return bool(begun)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                if self._lead.is_held:
                    self.use()
            except (RedisError, FacepipeError, OSError) as error:
                _log.debug("nothing is analysed again just now: %s", explain(error))
            except Exception:
                _log.exception("analysing again failed")
