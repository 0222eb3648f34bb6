"""The stages of the pipeline, each declared once.

Queues, job functions, statuses, the order of work, and what makes a result partial are read
from this table. `CONTRIBUTING.md` tells how a stage is added.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from facepipe.domain.analysis import AgeGenderPart, LandmarksPart, Part
from facepipe.domain.status import Status


class StageName(StrEnum):
    """The stages that an image goes through; also the names of their queues."""

    LANDMARK = "landmark"
    AGEGENDER = "agegender"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What everybody needs to know of a stage.

    Attributes:
        name: of the stage, its queue, and its key in the faces of the result document.
        function: dotted path of the job function; only the workers of the queue resolve it.
        status: of an image while the stage works on it.
        part: what the stage finds; None for the one that writes the result.
        needs: stages that must be done with the image before.
        per_face: there is nothing to do for an image without faces.
        is_required: without its part there is no result; else the result is partial.
        timeout_s: a job that runs longer is killed, which counts as an attempt.
        is_heavy: most of the computing is here; by default it has a worker a CPU.
    """

    name: StageName
    function: str
    status: Status
    part: type[Part] | None = None
    needs: tuple[StageName, ...] = ()
    per_face: bool = False
    is_required: bool = True
    timeout_s: int = 120
    is_heavy: bool = False

    @property
    def service(self) -> str:
        """The service whose workers do it."""
        return self.function.partition(".")[0]


_FINDING = (
    StageSpec(
        StageName.LANDMARK,
        "landmark_service.jobs.find_faces",
        Status.DETECTING,
        LandmarksPart,
        is_heavy=True,
    ),
    StageSpec(
        StageName.AGEGENDER,
        "agegender_service.jobs.estimate",
        Status.ANALYSING,
        AgeGenderPart,
        needs=(StageName.LANDMARK,),
        per_face=True,
        is_required=False,
    ),
)

STAGES = (
    *_FINDING,
    StageSpec(
        StageName.STORAGE,
        "data_storage_service.jobs.store_result",
        Status.STORING,
        needs=tuple(spec.name for spec in _FINDING),
    ),
)
"""In the order in which an image goes through them."""

STAGE = {spec.name: spec for spec in STAGES}

FACE_STAGES = tuple(spec for spec in STAGES if spec.per_face)
"""The stages whose part stands under their name in each face of the result document."""


def due_stages(settled: Collection[StageName], num_faces: int | None) -> list[StageName]:
    """The stages that may begin: not settled themselves, and all that they need is.

    Args:
        settled: stages that have sent their part, or have given up without hindering a result.
        num_faces: None until faces were looked for.

    >>> due_stages([], None)
    [<StageName.LANDMARK: 'landmark'>]
    >>> due_stages([StageName.LANDMARK], 0)
    [<StageName.STORAGE: 'storage'>]
    """
    skipped = {spec.name for spec in STAGES if spec.per_face and num_faces == 0}
    done = {*settled, *skipped}
    return [spec.name for spec in STAGES if spec.name not in done and done.issuperset(spec.needs)]
