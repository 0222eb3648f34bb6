"""What became of what the ledger was told."""

from __future__ import annotations

from dataclasses import dataclass

from data_storage_service.due_jobs import DueJob
from data_storage_service.schema import ImageRow
from facepipe.ledger.states import Registration


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a part.

    Attributes:
        accepted: False: it was dropped.
        is_failed: the image has failed with this call; its files want settling.
        due: the jobs that this call has made due.
    """

    accepted: bool
    is_failed: bool = False
    due: tuple[DueJob, ...] = ()


DROPPED = Saved(accepted=False)


@dataclass(frozen=True, slots=True)
class Registered(Registration):
    """A registration, and the jobs that it has made due."""

    due: tuple[DueJob, ...] = ()


def late(row: ImageRow | None) -> Saved:
    """Answer to a part that nobody waits for: a repetition is fine, all else is dropped."""
    return DROPPED if row is None or not row.state.has_result else Saved(accepted=True)
