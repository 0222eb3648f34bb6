"""How an image moves through its states: pure rules, no storage."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from facepipe.analysis import Status
from facepipe.ledger import StageName

_ON_THE_WAY = (
    Status.RECEIVED,
    Status.QUEUED,
    Status.DETECTING,
    Status.ANALYSING,
    Status.STORING,
)

STATUS_DURING = {
    StageName.LANDMARK: Status.DETECTING,
    StageName.AGEGENDER: Status.ANALYSING,
    StageName.STORAGE: Status.STORING,
}


class PartKind(StrEnum):
    """What the ledger holds of an image until its result is on disk."""

    LANDMARKS = "landmarks"
    AGEGENDER = "agegender"
    AGEGENDER_FAILURE = "agegender_failure"


def raised(present: Status, to: Status) -> Status:
    """The later of two states; an image never moves back, and a final state stays.

    >>> raised(Status.ANALYSING, Status.DETECTING)
    <Status.ANALYSING: 'analysing'>
    """
    if present.is_final:
        return present
    return max(present, to, key=_ON_THE_WAY.index)


def is_complete(kinds: Collection[str], num_faces: int | None) -> bool:
    """Whether nothing more will come: no face, or both stages have spoken."""
    if PartKind.LANDMARKS not in kinds:
        return False
    if num_faces == 0:
        return True
    return PartKind.AGEGENDER in kinds or PartKind.AGEGENDER_FAILURE in kinds
