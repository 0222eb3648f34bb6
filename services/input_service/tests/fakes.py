"""Stand-ins for the ledger, for tests of this service alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.domain.status import Status
from facepipe.ledger.states import Changes, ImageState, ListQuery, Page, Registration


class FakeStore:
    """A ledger in memory with the rules of registration; `is_down` makes every call fail."""

    def __init__(self) -> None:
        self.states: dict[str, ImageState] = {}
        self.revision = 0
        self.is_down = False

    def register(
        self,
        image_id: str,
        image: ImageInfo,
        received_at: datetime,
        *,
        new_generation: bool = False,
        expected_generation: int = 0,
        urgent: bool = False,
        traceparent: str = "",
    ) -> Registration:
        self._check()
        state = self.states.get(image_id)
        created = state is None
        if state is None:
            state = ImageState(
                image_id,
                1,
                Status.RECEIVED,
                image,
                received_at,
                received_at,
                traceparent=traceparent,
            )
        elif new_generation and expected_generation in (0, state.generation):
            state = dataclasses.replace(
                state, generation=state.generation + 1, status=Status.RECEIVED, error=None
            )
        self.states[image_id] = state
        self.revision += 1
        return Registration(state, created)

    def get(self, image_id: str, include_parts: bool = False) -> ImageState:
        self._check()
        if image_id not in self.states:
            raise ImageNotFoundError("no such image")
        return self.states[image_id]

    def list(self, query: ListQuery) -> Page:
        self._check()
        return Page(
            tuple(state for state in self.states.values() if state.status in query.statuses)
        )

    def changes(self, after: int | None) -> Changes:
        self._check()
        return Changes((), self.revision)

    def finish(self, image_id: str, status: Status, updated_at: datetime | None = None) -> None:
        self.revision += 1
        self.states[image_id] = dataclasses.replace(
            self.states[image_id], status=status, updated_at=updated_at or datetime.now(UTC)
        )

    def _check(self) -> None:
        if self.is_down:
            raise ServiceUnavailableError("down")
