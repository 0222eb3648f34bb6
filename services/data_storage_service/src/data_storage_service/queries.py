"""The ledger's reads: one image, pages, numbers, and what changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Executable, bindparam, func, select
from sqlalchemy.orm import Session

from data_storage_service import corrections, counting, listing, rows
from data_storage_service.database import database_errors
from data_storage_service.due_jobs import DueJob
from data_storage_service.schema import (
    FACES_VERSION,
    UNSENT,
    UNSETTLED,
    CounterRow,
    ImageRow,
    JobRow,
    PartRow,
    PendingErasureRow,
    RunRow,
)
from facepipe.domain.analysis import PartError
from facepipe.domain.errors import ImageNotFoundError
from facepipe.domain.status import Status
from facepipe.ledger.states import Grouping, ImageState, ListQuery, Page, Stats, StepTime
from facepipe.stages import StageName

MAX_LIMIT = 500
CHANGES_AT_ONCE = 500
TOTALS_KEPT = 200
# Written once: to make a statement costs more than to execute it.
_RUNS_OF = select(RunRow).where(RunRow.image_id == bindparam("image_id"))
_PARTS_OF = select(PartRow).where(PartRow.image_id == bindparam("image_id"))
_GENERATION = select(ImageRow.generation).where(ImageRow.image_id == bindparam("image_id"))
_REVISION = select(CounterRow.value).where(CounterRow.name == "revision")

_PART_OF_JOB = select(PartRow.stage).where(
    PartRow.image_id == JobRow.image_id, PartRow.stage == JobRow.stage
)
_IS_WITH_REDIS = (JobRow.is_sent.is_(True), ~_PART_OF_JOB.exists())
_JOB_OF_IMAGE = select(JobRow.stage).where(JobRow.image_id == ImageRow.image_id)
_IS_WITHOUT_JOBS = (
    ImageRow.status.in_([status for status in Status if not status.is_final]),
    ~_JOB_OF_IMAGE.exists(),
)
_JOBS = (
    select(
        ImageRow.image_id,
        ImageRow.generation,
        JobRow.stage,
        ImageRow.is_urgent,
        ImageRow.traceparent,
    )
    .join(JobRow, JobRow.image_id == ImageRow.image_id)
    .order_by(ImageRow.is_urgent.desc(), ImageRow.received_at)
)
_UNSENT_JOBS = _JOBS.where(UNSENT).limit(bindparam("at_most"))
_UNSENT_JOBS_OF = _UNSENT_JOBS.where(JobRow.image_id == bindparam("of_image"))
_SENT_JOBS = _JOBS.where(*_IS_WITH_REDIS)
_COUNT_SENT_JOBS = select(func.count()).select_from(JobRow).where(*_IS_WITH_REDIS)


@dataclass(frozen=True, slots=True)
class JoinedParts:
    """All that the stages found on an image.

    Attributes:
        state: with its parts.
        failures: why parts will not come, by stage.
        completed_at: when the last part came.
    """

    state: ImageState
    failures: Mapping[StageName, PartError]
    completed_at: datetime


class Queries:
    """Reads the ledger. Thread-safe; each call sees one moment of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stats: tuple[tuple[int, datetime], Stats] | None = None
        self._totals: dict[tuple[int, ListQuery], int] = {}

    def get(self, image_id: str) -> ImageState:
        """Without its parts. Raises ImageNotFoundError for an id that was never accepted."""
        with self._session() as session:
            return _state(session, _existing(session, image_id))

    def with_documents(self, image_id: str) -> tuple[ImageState, dict[StageName, bytes]]:
        """The same, and its parts as they are kept, by stage. Raises ImageNotFoundError."""
        with self._session() as session:
            state = _state(session, _existing(session, image_id))
            return state, rows.documents_in(_part_rows(session, image_id))

    def joined(self, image_id: str) -> JoinedParts:
        """The parts to be merged into a result. Raises ImageNotFoundError."""
        with self._session() as session:
            row = _existing(session, image_id)
            parts = _part_rows(session, image_id)
            state = replace(_state(session, row), parts=rows.parts_in(parts))
            completed_at = max((part.saved_at for part in parts), default=row.updated_at)
            return JoinedParts(state, rows.failures_in(parts), completed_at)

    def generation(self, image_id: str) -> int:
        """Raises ImageNotFoundError."""
        with database_errors(), self._engine.connect() as connection:
            generation: int | None = connection.scalar(_GENERATION, {"image_id": image_id})
        if generation is None:
            raise ImageNotFoundError(f"no image {image_id} was ever accepted")
        return generation

    def page(self, query: ListQuery) -> Page:
        """A page. Deleted images are shown only when asked for.

        Raises:
            InvalidRequestError: a face has no such field, or the cursor is not one that this
                ledger gave out.
        """
        limit = min(max(1, query.limit), MAX_LIMIT)
        place = listing.Place(query.sort)
        beyond = place.beyond(query.cursor)
        with self._session() as session:
            are_few = listing.are_few(session, query)
            total = self._total(session, query, are_few) if query.with_total else None
            wanted = listing.all_conditions(query, are_few=are_few)
            found = session.scalars(
                select(ImageRow).where(*wanted, *beyond).order_by(*place.order).limit(limit + 1)
            ).all()
        shown = found[:limit]
        cursor = place.cursor_after(shown[-1]) if len(found) > limit else ""
        return Page(tuple(rows.state_of(row) for row in shown), cursor, total)

    def _total(self, session: Session, query: ListQuery, are_few: bool) -> int:
        """Counted anew once the ledger has changed."""
        key = (session.scalars(_REVISION).one(), replace(query, limit=0, cursor=""))
        total = self._totals.get(key)
        if total is None:
            total = session.scalar(listing.total(query, are_few=are_few)) or 0
            if len(self._totals) >= TOTALS_KEPT:
                self._totals.clear()
            self._totals[key] = total
        return total

    def stats(self, now: datetime | None = None) -> Stats:
        """Numbers over the whole ledger; counted anew once it has changed, or a minute passed."""
        now = now or datetime.now(UTC)
        with self._session() as session:
            revision = session.scalars(_REVISION).one()
            key = (revision, now.replace(second=0, microsecond=0))
            if self._stats is None or self._stats[0] != key:
                self._stats = (key, counting.stats(session, revision, now - timedelta(hours=1)))
            return self._stats[1]

    def count(
        self, by: Sequence[Grouping], where: ListQuery | None = None
    ) -> dict[tuple[str, ...], int]:
        """See `counting.count`."""
        with self._session() as session:
            return counting.count(session, by, where)

    def step_times(self, newest: int) -> dict[str, StepTime]:
        """See `counting.step_times`."""
        with self._session() as session:
            return counting.step_times(session, newest)

    def revision(self) -> int:
        """The number of the latest change, made by whichever process."""
        with self._session() as session:
            return session.scalars(_REVISION).one()

    def changed(
        self, after: int, image_ids: Sequence[str] | None = None, limit: int | None = None
    ) -> tuple[list[ImageState], int]:
        """Images that changed after a revision, in order, each once and as it is now.

        Returns them with the revision to go on from. Call again until nothing comes.
        """
        conditions: list[ColumnElement[bool]] = [ImageRow.revision > after]
        if image_ids is not None:
            conditions.append(ImageRow.image_id.in_(image_ids))
        at_once = min(limit or CHANGES_AT_ONCE, CHANGES_AT_ONCE)
        statement = select(ImageRow).where(*conditions).order_by(ImageRow.revision).limit(at_once)
        with self._session() as session:
            found = session.scalars(statement).all()
            runs: dict[str, list[RunRow]] = defaultdict(list)
            ids = [row.image_id for row in found]
            for run in session.scalars(select(RunRow).where(RunRow.image_id.in_(ids))):
                runs[run.image_id].append(run)
        states = [rows.state_of(row, runs[row.image_id]) for row in found]
        return states, found[-1].revision if found else after

    def unsettled(self, limit: int = 100) -> list[str]:
        """Finished images of which something is left to be moved or removed."""
        statement = select(ImageRow.image_id).where(UNSETTLED).limit(limit)
        with self._session() as session:
            return list(session.scalars(statement))

    def received_before(self, moment: datetime, limit: int) -> list[str]:
        """Images that were received earlier, the oldest first, and were not deleted."""
        statement = (
            select(ImageRow.image_id)
            .where(ImageRow.received_at < moment, ImageRow.status != Status.DELETED)
            .order_by(ImageRow.received_at)
            .limit(limit)
        )
        with self._session() as session:
            return list(session.scalars(statement))

    def finished(self, image_ids: Sequence[str]) -> list[str]:
        """Which of these images have come to their end."""
        final = [status for status in Status if status.is_final]
        statement = select(ImageRow.image_id).where(
            ImageRow.image_id.in_(image_ids), ImageRow.status.in_(final), ImageRow.again == ""
        )
        with self._session() as session:
            return list(session.scalars(statement))

    def unsent_jobs(self, image_id: str | None = None, limit: int = 500) -> list[DueJob]:
        """Jobs that Redis has not taken yet, of one image or of all."""
        if image_id is None:
            return self._jobs(_UNSENT_JOBS, at_most=limit)
        return self._jobs(_UNSENT_JOBS_OF, at_most=limit, of_image=image_id)

    def sent_jobs(self) -> list[DueJob]:
        """Jobs of images in flight that Redis has taken, and whose part has not come."""
        return self._jobs(_SENT_JOBS)

    def without_jobs(self) -> list[DueJob]:
        """Images in flight that wait for no job, as an older version of the program left them."""
        with self._session() as session:
            found = session.scalars(select(ImageRow).where(*_IS_WITHOUT_JOBS))
            return [DueJob.of(row, StageName.LANDMARK) for row in found]

    def count_sent_jobs(self) -> int:
        """How many jobs `sent_jobs` would name, without reading them."""
        with self._session() as session:
            return session.scalar(_COUNT_SENT_JOBS) or 0

    def _jobs(self, statement: Executable, **values: Any) -> list[DueJob]:
        with self._session() as session:
            return [
                DueJob(image_id, generation, StageName(stage), is_urgent, traceparent)
                for image_id, generation, stage, is_urgent, traceparent in session.execute(
                    statement, values
                )
            ]

    def outdated_faces(self, limit: int) -> list[str]:
        """Images whose faces were indexed by another declaration of fields."""
        statement = (
            select(ImageRow.image_id)
            .where(
                ImageRow.faces_version != FACES_VERSION,
                ImageRow.status.in_([Status.STORED, Status.PARTIAL]),
            )
            .limit(limit)
        )
        with self._session() as session:
            return list(session.scalars(statement))

    def traces_left(self, limit: int = 1000) -> list[str]:
        """Deleted images whose last traces are still to be erased."""
        with self._session() as session:
            return list(session.scalars(select(PendingErasureRow.image_id).limit(limit)))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with (
            database_errors(),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session


def _existing(session: Session, image_id: str) -> ImageRow:
    row = session.get(ImageRow, image_id)
    if row is None:
        raise ImageNotFoundError(f"no image {image_id} was ever accepted")
    return row


def _state(session: Session, row: ImageRow) -> ImageState:
    runs = session.scalars(_RUNS_OF, {"image_id": row.image_id})
    return rows.state_of(row, runs, corrections=corrections.of(session, row))


def _part_rows(session: Session, image_id: str) -> Sequence[PartRow]:
    return session.scalars(_PARTS_OF, {"image_id": image_id}).all()
