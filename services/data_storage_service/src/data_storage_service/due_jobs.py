"""The jobs that images in flight wait for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from data_storage_service.schema import ImageRow
from facepipe.stages import StageName


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that an image in flight waits for."""

    image_id: str
    generation: int
    stage: StageName
    is_urgent: bool
    traceparent: str

    @classmethod
    def of(cls, row: ImageRow, stage: StageName) -> Self:
        return cls(row.image_id, row.generation, stage, row.is_urgent, row.traceparent)
