"""Where an image stands on its way."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an image stands. The last four are final."""

    RECEIVED = "received"
    QUEUED = "queued"
    DETECTING = "detecting"
    ANALYSING = "analysing"
    STORING = "storing"
    STORED = "stored"
    PARTIAL = "partial"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATUSES

    @property
    def has_result(self) -> bool:
        return self in (Status.STORED, Status.PARTIAL)


FINAL_STATUSES = frozenset({Status.STORED, Status.PARTIAL, Status.FAILED, Status.DELETED})
