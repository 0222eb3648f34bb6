"""Queues, job payloads and the one way to put a job on a queue.

Jobs are named, not imported: `function` is a dotted path that only the worker of that queue
resolves. A payload carries ids and small numbers, never pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from redis import Redis

RETRY_PAUSES_S = (1, 5, 15)
FAILURE_TTL_S = 3600


class QueueName(StrEnum):
    LANDMARK = "landmark"
    AGEGENDER = "agegender"
    STORAGE = "storage"
    PLOTS = "plots"


FUNCTIONS: dict[QueueName, str] = {
    QueueName.LANDMARK: "landmark_service.jobs.find_faces",
    QueueName.AGEGENDER: "agegender_service.jobs.estimate",
    QueueName.STORAGE: "data_storage_service.jobs.store_result",
    QueueName.PLOTS: "plotter_service.jobs.redraw",
}


@dataclass(frozen=True, slots=True)
class ImageJob:
    """The work of one stage on one image.

    The function of the queue is called with `image_id` and `generation`; the W3C
    `traceparent` rides in the job's meta.
    """

    queue: QueueName
    image_id: str
    generation: int
    traceparent: str = ""

    @property
    def job_id(self) -> str:
        return f"{self.queue}-{self.image_id}-{self.generation}"


def queue_of(name: QueueName, redis: Redis, timeout_s: int = 120) -> Queue:
    """The RQ queue of a stage, with the project's serializer."""
    return Queue(name, connection=redis, serializer=JSONSerializer, default_timeout=timeout_s)


def enqueue(redis: Redis, job: ImageJob, *, timeout_s: int = 120, urgent: bool = False) -> bool:
    """Puts a job on its queue; False when this very job is, or was, there already.

    Raises:
        redis.exceptions.RedisError: Redis does not answer or is full; nothing was queued.
    """
    try:
        queue_of(job.queue, redis).enqueue_call(
            FUNCTIONS[job.queue],
            args=(job.image_id, job.generation),
            job_id=job.job_id,
            unique=True,
            timeout=timeout_s,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            retry=Retry(max=len(RETRY_PAUSES_S), interval=list(RETRY_PAUSES_S)),
            meta={"traceparent": job.traceparent},
            description=f"{job.queue} {job.image_id[:12]} generation {job.generation}",
            at_front=urgent,
        )
    except DuplicateJobError:
        return False
    return True
