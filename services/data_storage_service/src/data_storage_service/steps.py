"""The steps of which the ledger's transactions are made, each on one image."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from data_storage_service import reanalyses, rows
from data_storage_service.progress import raised
from data_storage_service.schema import (
    FACES,
    FACES_VERSION,
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

OVERTAKEN = PartError(
    code="overtaken", message="it was deleted, or sent or tried again, before it was done"
)


class Steps:
    """Changes of an image inside a transaction of somebody else; `now` tells the time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def begin(self, session: Session, row: ImageRow, generation: int) -> None:
        """A new generation; what was known of the image before is gone."""
        if row.again:
            reanalyses.leave(session, row.image_id, OVERTAKEN)
            row.again = ""
        row.status = Status.RECEIVED
        row.num_faces = None
        rows.put_error(row, None)
        self._begin_work(session, row, generation)
        session.execute(delete(FACES).where(FACES.c.image_id == row.image_id))

    def begin_again(self, session: Session, row: ImageRow, generation: int) -> None:
        """A new generation; the result of the one before stays until the new one is there."""
        row.again = Status.RECEIVED
        row.begun_again_at = self._now()
        self._begin_work(session, row, generation)

    def begin_as_before(self, session: Session, row: ImageRow, generation: int) -> None:
        """A new generation of an image in flight: for the same reason as the present one."""
        (self.begin_again if row.again else self.begin)(session, row, generation)

    def go_on(self, session: Session, row: ImageRow, run: StageRun) -> None:
        """Issues what is due after a part or its failure, and moves the status."""
        status = row.state
        for stage in (run.stage, *self.issue(session, row)):
            status = raised(status, STAGE[stage].status)
        self.move(session, row, status)

    def issue(self, session: Session, row: ImageRow) -> list[StageName]:
        """Enters the jobs of all stages that are due; each has one job a generation."""
        session.flush()
        here = session.scalars(select(PartRow.stage).where(PartRow.image_id == row.image_id))
        due = due_stages([StageName(stage) for stage in here], row.num_faces)
        for stage in due:
            values = {"image_id": row.image_id, "stage": stage, "is_sent": False}
            session.execute(insert(JobRow).values(values).on_conflict_do_nothing())
        return due

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
        key = {"image_id": run.image_id, "stage": run.stage, "attempt": run.attempt}
        known = session.get(RunRow, key)
        if known is not None and error is None and run.ended_at is None:
            return
        line = RunRow(
            **key,
            worker=run.worker,
            started_at=run.started_at,
            ended_at=run.ended_at,
            timings_ms=dict(run.timings_ms),
        )
        rows.put_error(line, error)
        session.merge(line)

    def move(self, session: Session, row: ImageRow, status: Status) -> None:
        if row.again and not status.is_final:
            row.again = status
        else:
            row.status, row.again = status, ""
        self.touch(session, row)

    def touch(self, session: Session, row: ImageRow) -> None:
        with session.no_autoflush:
            row.revision = session.scalars(
                update(CounterRow)
                .where(CounterRow.name == "revision")
                .values(value=CounterRow.value + 1)
                .returning(CounterRow.value)
            ).one()
        row.updated_at = self._now()

    def _begin_work(self, session: Session, row: ImageRow, generation: int) -> None:
        row.generation = generation
        row.is_settled = True
        self.touch(session, row)
        session.flush()
        self.clear(session, row, PartRow, RunRow, JobRow)

    def clear(
        self,
        session: Session,
        row: ImageRow,
        *tables: type[PartRow | RunRow | JobRow | CorrectionRow],
    ) -> None:
        for table in tables:
            session.execute(delete(table).where(table.image_id == row.image_id))
