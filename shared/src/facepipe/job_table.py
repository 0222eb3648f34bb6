"""The table of jobs: the function that does the jobs of a queue, what it takes, who queues them.

The rest follows from it. The package of the function is the service that works on the queue;
its workers refuse every other job (`facepipe.stage.admission`); Redis lets each service do what
its rows need (`facepipe.redis_acl`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from facepipe.analysis import ImageId


class QueueName(StrEnum):
    LANDMARK = "landmark"
    AGEGENDER = "agegender"
    STORAGE = "storage"
    PLOTS = "plots"


class Payload(BaseModel):
    """What a function is called with, in this order. Ids and small numbers, never pixels."""

    model_config = ConfigDict(strict=True, frozen=True)


class ImagePayload(Payload):
    image_id: ImageId
    generation: Annotated[int, Field(ge=1, le=2**31)]


class NoPayload(Payload):
    pass


@dataclass(frozen=True, slots=True)
class JobKind:
    """The jobs of one queue.

    Attributes:
        queue: where they wait.
        function: dotted path that only the worker of the queue resolves.
        queued_by: the services that put them there.
        takes: what the function is called with.
    """

    queue: QueueName
    function: str
    queued_by: tuple[str, ...]
    takes: type[Payload] = ImagePayload

    @property
    def worked_by(self) -> str:
        """The service whose workers do them."""
        return self.function.partition(".")[0]

    @property
    def module(self) -> str:
        """Where the function is, beside the `load` of its worker."""
        return self.function.rpartition(".")[0]


JOBS = (
    JobKind(QueueName.LANDMARK, "landmark_service.jobs.find_faces", ("input_service",)),
    JobKind(QueueName.AGEGENDER, "agegender_service.jobs.estimate", ("landmark_service",)),
    JobKind(QueueName.STORAGE, "data_storage_service.jobs.store_result", ("data_storage_service",)),
    JobKind(
        QueueName.PLOTS,
        "plotter_service.jobs.redraw",
        ("data_storage_service", "plotter_service"),
        NoPayload,
    ),
)


def job_kind(queue: QueueName) -> JobKind:
    """The row of a queue."""
    return next(kind for kind in JOBS if kind.queue is queue)
