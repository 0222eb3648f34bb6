"""What a stage is: a queue, the module that does its jobs, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facepipe.queue.job_table import JobKind, job_kind
from facepipe.stages import STAGES
from facepipe.system.cpu import available_cpus
from facepipe.system.settings import Settings

MOST_WORKERS = 8
"""Without being asked: each holds some 300 MB."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the runtime waits for what. Tests shorten it; nobody else needs to.

    Attributes:
        grace_s: after SIGTERM, for the job in hand; then it is killed and given back.
        overtime_s: beyond a job's timeout, before its worker is killed. RQ's own alarm comes
            first, but cannot interrupt a computation outside Python.
        sweep_s: between two looks for dead leases and due retries.
        stray_s: how long a job may be on its way from the queue to a worker.
        restart_pause_s: first pause before a worker that dies at start is tried again; it
            doubles up to `restart_pause_max_s`.
        healthy_s: a worker that lived so long after loading did not die at start.
    """

    grace_s: float = 20.0
    overtime_s: float = 3.0
    sweep_s: float = 1.0
    stray_s: float = 3.0
    restart_pause_s: float = 0.5
    restart_pause_max_s: float = 30.0
    healthy_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the pipeline.

    Attributes:
        name: of the service, e.g. "landmark_service".
        queue: which jobs its workers do.
        settings: of the service; the section `stage` says how many workers and how patient.
        function: what does the jobs of the queue, where it is not that of the table. Its module
            has `load()` beside it, called once in each worker process; it may return the models
            in use, a `ModelInfo` for each part.
    """

    name: str
    queue: str
    settings: Settings
    patience: Patience = Patience()
    function: str = ""

    @property
    def workers(self) -> int:
        """How many worker processes it has: as set, else one, or one a CPU where that pays."""
        chosen = self.settings.stage
        is_heavy = any(spec.is_heavy for spec in STAGES if spec.name == self.queue)
        if chosen.workers or not is_heavy or chosen.device != "cpu":
            return chosen.workers or 1
        return min(max(1, int(available_cpus())), MOST_WORKERS)

    @property
    def kind(self) -> JobKind:
        """The jobs that its workers do."""
        known = job_kind(self.queue)
        return replace(known, function=self.function) if self.function else known
