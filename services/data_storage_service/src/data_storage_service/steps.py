"""The steps of which the ledger's transactions are made, each on one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from data_storage_service import reanalyses, rows
from data_storage_service.due_jobs import DueJob
from data_storage_service.progress import raised
from data_storage_service.schema import (
    FACES,
    FACES_VERSION,
    Base,
    CorrectionRow,
    CounterRow,
    ImageRow,
    JobRow,
    PartRow,
    RunRow,
)
from facepipe.domain.analysis import AnalysisDocument, PartError
from facepipe.domain.status import Status
from facepipe.ledger.states import StageRun
from facepipe.stages import STAGE, StageName, due_stages

# Written once: to make a statement costs more than to execute it.
_PARTS = insert(Base.metadata.tables[PartRow.__tablename__]).values(error_code="", error_message="")
_KEEP = _PARTS.on_conflict_do_update(
    index_elements=["image_id", "stage"],
    set_={
        name: _PARTS.excluded[name]
        for name in ("saved_at", "document", "error_code", "error_message")
    },
    where=PartRow.error_code != "",
).returning(PartRow.stage)
_STAGES_HERE = select(PartRow.stage).where(PartRow.image_id == bindparam("image_id"))
_JOBS = Base.metadata.tables[JobRow.__tablename__]
_MARK_SENT = (
    update(_JOBS)
    .where(
        _JOBS.c.image_id == bindparam("image"),
        _JOBS.c.stage == bindparam("of_stage"),
        exists().where(
            ImageRow.image_id == _JOBS.c.image_id,
            ImageRow.generation == bindparam("of_generation"),
        ),
    )
    .values(is_sent=True)
)
_ISSUE = insert(_JOBS).on_conflict_do_nothing().returning(JobRow.stage)
_CLEAR = {
    table: delete(table).where(table.image_id == bindparam("image_id"))
    for table in (PartRow, RunRow, JobRow, CorrectionRow)
}
_RUNS = insert(Base.metadata.tables[RunRow.__tablename__])
_NOTE_START = _RUNS.on_conflict_do_nothing()
_NOTE_END = _RUNS.on_conflict_do_update(
    index_elements=["image_id", "stage", "attempt"],
    set_={column.name: column for column in _RUNS.excluded if not column.primary_key},
)
_COUNTERS = Base.metadata.tables[CounterRow.__tablename__]
_NEXT_REVISION = (
    update(_COUNTERS)
    .where(_COUNTERS.c.name == "revision")
    .values(value=_COUNTERS.c.value + 1)
    .returning(_COUNTERS.c.value)
)

OVERTAKEN = PartError(
    code="overtaken", message="it was deleted, or sent or tried again, before it was done"
)


class Steps:
    """Changes of an image inside a transaction of somebody else; `now` tells the time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def begin(
        self,
        session: Session,
        row: ImageRow,
        generation: int,
        status: Status = Status.RECEIVED,
    ) -> None:
        """A new generation; what was known of the image before is gone."""
        if row.again:
            reanalyses.leave(session, row.image_id, OVERTAKEN)
            row.again = ""
        row.status = status
        row.num_faces = None
        rows.put_error(row, None)
        self._begin_work(session, row, generation)
        if generation > 1:
            session.execute(delete(FACES).where(FACES.c.image_id == row.image_id))

    def begin_again(self, session: Session, row: ImageRow, generation: int) -> None:
        """A new generation; the result of the one before stays until the new one is there."""
        row.again = Status.RECEIVED
        row.begun_again_at = self._now()
        self._begin_work(session, row, generation)

    def begin_as_before(self, session: Session, row: ImageRow, generation: int) -> None:
        """A new generation of an image in flight: for the same reason as the present one."""
        (self.begin_again if row.again else self.begin)(session, row, generation)

    def keep(self, session: Session, run: StageRun, document: bytes) -> bool:
        """Keeps what a stage found: the first that comes, which beats a reported failure."""
        part = {"image_id": run.image_id, "stage": run.stage, "saved_at": self._now()}
        kept = session.connection().execute(_KEEP, part | {"document": document})
        return kept.first() is not None

    def go_on(self, session: Session, row: ImageRow, run: StageRun) -> tuple[DueJob, ...]:
        """Issues what is due after a part or its failure, and moves the status."""
        issued = self.issue(session, row)
        status = raised(row.state, STAGE[run.stage].status)
        for job in issued:
            status = raised(status, STAGE[job.stage].status)
        self.move(session, row, status)
        return issued

    def issue(self, session: Session, row: ImageRow) -> tuple[DueJob, ...]:
        """Enters the jobs that are due and were not yet; each stage has one a generation."""
        connection, job = session.connection(), {"image_id": row.image_id, "is_sent": False}
        here = connection.scalars(_STAGES_HERE, {"image_id": row.image_id})
        due = due_stages([StageName(stage) for stage in here], row.num_faces)
        return tuple(
            DueJob.of(row, stage)
            for stage in due
            if connection.execute(_ISSUE, job | {"stage": stage}).first()
        )

    def mark_sent(self, session: Session, jobs: Sequence[DueJob]) -> None:
        """Notes that Redis has these jobs, of images that have not moved on."""
        which = [
            {"image": job.image_id, "of_stage": job.stage, "of_generation": job.generation}
            for job in jobs
        ]
        session.connection().execute(_MARK_SENT, which)

    def fail(self, session: Session, row: ImageRow, error: PartError) -> None:
        row.is_settled = False
        self.clear(session, row, PartRow, JobRow)
        if row.again:  # the result that stands is as good as it was
            reanalyses.fail(session, row.image_id, error)
            row.num_faces = reanalyses.count_faces(session, row.image_id)
            self.move(session, row, Status(row.status))
            return
        rows.put_error(row, error)
        session.execute(delete(FACES).where(FACES.c.image_id == row.image_id))
        self.move(session, row, Status.FAILED)

    def finish(self, session: Session, row: ImageRow, document: AnalysisDocument) -> None:
        row.num_faces = document.num_faces
        row.is_settled = False
        rows.put_error(row, document.error)
        self.clear(session, row, PartRow, JobRow)
        if row.again:
            reanalyses.finish(session, document)
        self.put_faces(session, row, document)
        self.move(session, row, document.status)

    def put_faces(self, session: Session, row: ImageRow, document: AnalysisDocument) -> None:
        session.execute(delete(FACES).where(FACES.c.image_id == row.image_id))
        if found := rows.face_rows(document):
            session.execute(FACES.insert(), found)
        row.completed_at = document.timestamp
        row.corrected = document.corrected
        row.faces_version = FACES_VERSION

    def note(self, session: Session, run: StageRun, error: PartError | None) -> None:
        """A line in the timeline; the end of a run is written over its beginning."""
        line = {
            "image_id": run.image_id,
            "stage": run.stage,
            "attempt": run.attempt,
            "worker": run.worker,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "timings_ms": dict(run.timings_ms),
            "error_code": error.code if error else "",
            "error_message": rows.shown_message(error),
        }
        is_start = error is None and run.ended_at is None
        session.connection().execute(_NOTE_START if is_start else _NOTE_END, line)

    def move(self, session: Session, row: ImageRow, status: Status) -> None:
        if row.again and not status.is_final:
            row.again = status
        else:
            row.status, row.again = status, ""
        self.touch(session, row)

    def touch(self, session: Session, row: ImageRow) -> None:
        row.revision = session.connection().execute(_NEXT_REVISION).scalar_one()
        row.updated_at = self._now()

    def _begin_work(self, session: Session, row: ImageRow, generation: int) -> None:
        row.generation = generation
        row.is_settled = True
        self.touch(session, row)
        session.flush()
        if generation > 1:
            self.clear(session, row, PartRow, RunRow, JobRow)

    def clear(
        self,
        session: Session,
        row: ImageRow,
        *tables: type[PartRow | RunRow | JobRow | CorrectionRow],
    ) -> None:
        for table in tables:
            session.connection().execute(_CLEAR[table], {"image_id": row.image_id})
