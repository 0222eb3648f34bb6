"""How an image moves through its states: pure rules, no storage."""

from __future__ import annotations

from facepipe.domain.status import Status

_ON_THE_WAY = tuple(status for status in Status if not status.is_final)


def raised(present: Status, to: Status) -> Status:
    """The later of two states; an image never moves back, and a final state stays.

    >>> raised(Status.ANALYSING, Status.DETECTING)
    <Status.ANALYSING: 'analysing'>
    """
    if present.is_final:
        return present
    return max(present, to, key=_ON_THE_WAY.index)
