"""The table of jobs: the function that does the jobs of a queue, what it takes, who queues them.

There is a row for each stage of `facepipe.stages`, and one for what is not done for an image. The
package of the function is the service that works on the queue; its workers refuse every other
job (`facepipe.stage.admission`); Redis lets each service do what its rows need
(`facepipe.queue.redis_acl`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from facepipe.domain.analysis import ImageId
from facepipe.stages import STAGES

PLOTS_QUEUE = "plots"


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
        timeout_s: how long one may run, where no setting says otherwise.
        queued_by: the service that puts them there.
        takes: what the function is called with.
    """

    queue: str
    function: str
    timeout_s: int
    queued_by: str = "data_storage_service"
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
    *(JobKind(spec.name, spec.function, spec.timeout_s) for spec in STAGES),
    JobKind(
        PLOTS_QUEUE,
        "plotter_service.jobs.redraw",
        120,
        queued_by="plotter_service",
        takes=NoPayload,
    ),
)

FUNCTIONS = {str(kind.queue): kind.function for kind in JOBS}
"""The one function that the workers of a queue call."""


def job_kind(queue: str) -> JobKind:
    """The row of a queue."""
    return next(kind for kind in JOBS if kind.queue == queue)
