"""The runtime of a stage: a FastAPI application that supervises RQ worker processes.

    definition   what a stage is
    runs         one run of a job on one image (`part_run`)
    app          health, readiness, metrics, and the supervisor's life
    supervisor   starts, watches, replaces and stops the workers; renews their leases
    slot, child  the place of a worker, and the worker in it
    reclaimer    gives back the jobs of dead workers, starts due retries
    leases       the same as atomic steps in Redis (`lease_scripts`)
    metrics      what Prometheus is told
    pace         how many jobs end a second
    worker       the worker process

A job function looks like this::

    def find_faces(image_id: str, generation: int) -> None:
        with stage.part_run(StageName.LANDMARK, image_id, generation, client) as run:
            with run.timed("detect"):
                ...
            client.save_part(run.run, part)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facepipe.stage.definition import Patience, Stage
from facepipe.stage.runs import PartRun, part_run

if TYPE_CHECKING:
    from facepipe.stage.app import create_stage_app

__all__ = ["PartRun", "Patience", "Stage", "create_stage_app", "part_run"]


def __getattr__(name: str) -> Any:
    # A worker process needs no web framework, so the application is imported when asked for.
    if name == "create_stage_app":
        from facepipe.stage.app import create_stage_app

        return create_stage_app
    raise AttributeError(name)
