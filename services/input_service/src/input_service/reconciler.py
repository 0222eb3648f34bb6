"""Puts back on the queue what was accepted and has neither a result nor a live job.

This is the one loop that makes "accepted means analysed" true whatever dies: Redis and all
its jobs, a worker between two stages, the ledger at the moment of registration.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError

from facepipe.analysis import PartError, Status
from facepipe.errors import FacepipeError, ImageNotFoundError
from facepipe.inbox import Inbox, InboxEntry
from facepipe.jobs import ImageJob, QueueName, enqueue, live_job_ids
from facepipe.ledger import ImageState, ListQuery, StageName, StageRun
from facepipe.redis_connection import explain
from facepipe.store_client import FaceStoreClient
from input_service.results import ResultFiles

_log = logging.getLogger(__name__)
_IN_FLIGHT = tuple(status for status in Status if not status.is_final)
_STAGE_QUEUES = (QueueName.LANDMARK, QueueName.AGEGENDER, QueueName.STORAGE)


class Reconciler:
    """Compares inbox, ledger and queues, and closes the gaps between them.

    An image is started over only when two passes in a row found no live job for it: a job
    that is just moving from one stage to the next is not mistaken for a lost one.
    """

    def __init__(
        self,
        inbox: Inbox,
        store: FaceStoreClient,
        redis: Redis,
        results: ResultFiles,
        every_s: float,
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._redis = redis
        self._results = results
        self._every_s = every_s
        self._suspects: set[tuple[str, int]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def reconcile(self) -> int:
        """One pass; returns how many images were put back on the queue.

        Raises:
            FacepipeError, RedisError: a neighbour is down; the next pass tries again.
        """
        live = live_job_ids(self._redis)
        in_flight = self._in_flight()
        for image_id in self._inbox.ids():
            if image_id not in in_flight and (state := self._settle(image_id)) is not None:
                in_flight[image_id] = state
        lost = {
            (state.image_id, state.generation)
            for state in in_flight.values()
            if not any(
                ImageJob(queue, state.image_id, state.generation).job_id in live
                for queue in _STAGE_QUEUES
            )
        }
        confirmed = lost & self._suspects
        self._suspects = lost - confirmed
        for image_id, _ in confirmed:
            self._start_over(in_flight[image_id])
        return len(confirmed)

    def _run(self) -> None:
        while True:
            try:
                self.reconcile()
            except (FacepipeError, RedisError, OSError) as error:
                _log.warning("cannot reconcile now: %s", explain(error))
            except Exception:
                _log.exception("reconciling failed")
            if self._stop.wait(self._every_s):
                return

    def _in_flight(self) -> dict[str, ImageState]:
        states: dict[str, ImageState] = {}
        cursor = ""
        while True:
            page = self._store.list(ListQuery(statuses=_IN_FLIGHT, limit=500, cursor=cursor))
            states.update((state.image_id, state) for state in page.images)
            if not (cursor := page.next_cursor):
                return states

    def _settle(self, image_id: str) -> ImageState | None:
        """Registers an unknown upload, erases a finished one; returns one still to be done."""
        try:
            entry = self._inbox.entry(image_id)
        except ImageNotFoundError:
            return None
        except ValueError as error:
            _log.error("its note cannot be read: %s", error, extra={"image_id": image_id})
            return None
        try:
            state = self._store.get(image_id)
        except ImageNotFoundError:
            state = self._register(image_id, entry)
        if not state.status.is_final:
            return state
        # An upload that the ledger knows is older than its end, whatever the clock did between.
        if max(state.updated_at, state.received_at) >= entry.received_at:
            self._inbox.remove(image_id)
            return None
        # Sent again after it had been finished, while the ledger was down.
        return self._register(image_id, entry, state)

    def _register(
        self, image_id: str, entry: InboxEntry, known: ImageState | None = None
    ) -> ImageState:
        return self._store.register(
            image_id,
            entry.image,
            entry.received_at,
            new_generation=known is not None,
            expected_generation=0 if known is None else known.generation,
            traceparent=entry.traceparent,
        ).state

    def _start_over(self, state: ImageState) -> None:
        image_id = state.image_id
        try:
            self._results.source(image_id)
        except ImageNotFoundError:
            self._give_up(state)
            return
        fresh = state
        if state.status is not Status.RECEIVED or not self._queue(state):
            # It was on the queue before and is no more: only a new generation can be queued.
            fresh = self._store.register(
                image_id,
                state.image,
                state.received_at,
                new_generation=True,
                expected_generation=state.generation,
                traceparent=state.traceparent,
            ).state
            self._queue(fresh)
        self._store.register(image_id, state.image, state.received_at, queued=True)
        _log.warning(
            "no live job, put on the queue",
            extra={"image_id": image_id, "generation": fresh.generation},
        )

    def _queue(self, state: ImageState) -> bool:
        """False when RQ has known this very job before."""
        job = ImageJob(QueueName.LANDMARK, state.image_id, state.generation, state.traceparent)
        return enqueue(self._redis, job)

    def _give_up(self, state: ImageState) -> None:
        now = datetime.now(UTC)
        run = StageRun(
            image_id=state.image_id,
            generation=state.generation,
            stage=StageName.LANDMARK,
            attempt=1,
            worker="reconciler",
            started_at=now,
            ended_at=now,
        )
        error = PartError(code="upload_lost", message="the upload is no longer on the volume")
        self._store.save_failure(run, error)
        _log.error("the upload is gone", extra={"image_id": state.image_id})
