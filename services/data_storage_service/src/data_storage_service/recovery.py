"""Starts over what waits for a job that nobody will do any more.

RQ may lose a job with all of Redis, and it fails one whose attempts an outage has used up. The
ledger knows which jobs an image waits for, so the two are compared from time to time.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError

from data_storage_service.dispatch import Dispatcher
from data_storage_service.due_jobs import DueJob
from data_storage_service.leading import Lead
from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from data_storage_service.settling import Settler
from facepipe.domain.analysis import PartError
from facepipe.domain.errors import FacepipeError
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.ledger.states import StageRun
from facepipe.queue.jobs import ImageJob, count_live_jobs, live_job_ids
from facepipe.queue.redis_connection import explain
from facepipe.stages import StageName

FULL_EVERY_S = 30.0
"""Seconds after which jobs are compared one by one though their number is right."""

_UPLOAD_LOST = PartError(code="upload_lost", message="the upload is no longer on the volume")

_log = logging.getLogger(__name__)


class Recovery:
    """Compares the jobs of images in flight with those that are live.

    An image is started over only when two passes in a row miss a job of it: one that just
    moves from a queue to a worker is not mistaken for a lost one.
    """

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        redis: Redis,
        dispatcher: Dispatcher,
        lead: Lead,
        settler: Settler,
        files: ResultFiles,
        inbox: Inbox,
        every_s: float,
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._redis = redis
        self._dispatcher = dispatcher
        self._lead = lead
        self._settler = settler
        self._files = files
        self._inbox = inbox
        self._every_s = every_s
        self._suspects: set[tuple[str, int]] = set()
        self._full_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def recover(self) -> int:
        """One pass; returns how many images were started over.

        Raises:
            RedisError: it does not answer; the next pass looks again.
            FacepipeError: the ledger cannot be used now.
        """
        # The ledger first: a job that ends between the two looks is not missed.
        waiting = [*self._queries.sent_jobs(), *self._queries.without_jobs()]
        live = live_job_ids(self._redis) if waiting else set()
        lost = {(job.image_id, job.generation) for job in waiting if not _is_live(job, live)}
        confirmed = lost & self._suspects
        self._suspects = lost - confirmed
        for image_id, generation in confirmed:
            self._start_over(image_id, generation)
        return len(confirmed)

    def is_due(self) -> bool:
        """Whether a job may be missing: there are fewer than there should be, or it is time."""
        if self._suspects or time.monotonic() >= self._full_at:
            return True
        expected = self._queries.count_sent_jobs()
        return expected > 0 and count_live_jobs(self._redis) < expected

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                if not self._lead.is_held:
                    self._suspects.clear()
                elif self.is_due():
                    self.recover()
                    self._full_at = time.monotonic() + FULL_EVERY_S
            except (FacepipeError, RedisError, OSError) as error:
                _log.warning("cannot look for lost jobs now: %s", explain(error))
            except Exception:
                _log.exception("looking for lost jobs failed")

    def _start_over(self, image_id: str, generation: int) -> None:
        if image_id not in self._inbox and self._files.source(image_id) is None:
            self._give_up(image_id, generation)
        elif self._ledger.start_over(image_id, generation):
            _log.warning(
                "no live job, started over",
                extra={"image_id": image_id, "generation": generation + 1},
            )
            self._dispatcher.dispatch(image_id)

    def _give_up(self, image_id: str, generation: int) -> None:
        now = datetime.now(UTC)
        run = StageRun(image_id, generation, StageName.LANDMARK, 1, "recovery", now, now)
        if self._ledger.fail(run, _UPLOAD_LOST):
            self._settler.settle(image_id)
            _log.error("the upload is gone", extra={"image_id": image_id})


def _is_live(job: DueJob, live: set[str]) -> bool:
    return ImageJob(job.stage, job.image_id, job.generation).job_id in live
