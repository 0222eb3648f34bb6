"""The ledger's writes: every one is one transaction, and repeating one changes nothing.

A part of an older generation, or of a deleted image, is dropped. A part of a newer one than
the ledger has heard of starts that generation, so that the last generation wins in whatever
order the calls come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from data_storage_service import rows
from data_storage_service.progress import STATUS_DURING, PartKind, is_complete, raised
from data_storage_service.schema import (
    CounterRow,
    FaceRow,
    ImageRow,
    PartRow,
    RunRow,
    TraceRow,
    database_errors,
)
from facepipe.analysis import (
    AgeGenderPart,
    AnalysisDocument,
    ImageInfo,
    LandmarksPart,
    PartError,
    Status,
)
from facepipe.ledger import Registration, StageName, StageRun


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a part.

    Attributes:
        accepted: False: it was dropped.
        is_complete: all parts are here and no result yet: the storage job must be queued.
        traceparent: of the image, for that job.
        is_failed: the image has failed with this call; its files want settling.
    """

    accepted: bool
    is_complete: bool = False
    traceparent: str = ""
    is_failed: bool = False


_DROPPED = Saved(accepted=False)


class Ledger:
    """Writes to the ledger. Thread-safe; several processes may write the same file."""

    def __init__(
        self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._now = now

    def register(
        self,
        image_id: str,
        image: ImageInfo,
        received_at: datetime,
        *,
        new_generation: bool = False,
        expected_generation: int = 0,
        queued: bool = False,
        traceparent: str = "",
    ) -> Registration:
        """Enters an accepted image, or finds it; see `RegisterImageRequest`.

        An image that was deleted begins anew, unless the call only says that a job was
        queued: then it is late, and the image stays deleted.
        """
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            created = row is None
            if row is None:
                row = ImageRow(image_id=image_id, generation=0, revision=0, is_settled=True)
                session.add(row)
                is_new = True
            elif row.state is Status.DELETED and not new_generation:
                is_new = not queued
            else:
                is_new = new_generation and expected_generation in (0, row.generation)
            if is_new:
                row.received_at = received_at
                row.traceparent = traceparent
                rows.put_image_info(row, image)
                self._begin(session, row, row.generation + 1)
            if queued and row.state is Status.RECEIVED:
                self._move(session, row, Status.QUEUED)
            runs = session.scalars(select(RunRow).where(RunRow.image_id == image_id)).all()
            return Registration(rows.state_of(row, runs), created)

    def save_started(self, run: StageRun) -> bool:
        """A stage began. False when the image has moved on without it."""
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return False
            self._note(session, replace(run, ended_at=None), None)
            self._move(session, row, raised(row.state, STATUS_DURING[run.stage]))
            return True

    def save_landmarks(self, run: StageRun, part: LandmarksPart) -> Saved:
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return _late(row)
            if self._add_part(session, row, PartKind.LANDMARKS, rows.landmarks_payload(part)):
                row.num_faces = len(part.faces)
            return self._joined(session, row, run, Status.ANALYSING)

    def save_agegender(self, run: StageRun, part: AgeGenderPart) -> Saved:
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return _late(row)
            self._add_part(session, row, PartKind.AGEGENDER, rows.agegender_payload(part))
            # What came after all beats the report that it would not come.
            session.execute(
                delete(PartRow).where(
                    PartRow.image_id == row.image_id, PartRow.kind == PartKind.AGEGENDER_FAILURE
                )
            )
            return self._joined(session, row, run, Status.ANALYSING)

    def save_failure(self, run: StageRun, error: PartError) -> Saved:
        """A stage gave up: without landmarks the image failed, without agegender it is partial."""
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return _late(row)
            kinds = self._kinds(session, row)
            self._note(session, run, error)
            match run.stage:
                case StageName.LANDMARK if PartKind.LANDMARKS in kinds:
                    return self._joined(session, row, run, row.state)
                case StageName.AGEGENDER:
                    if PartKind.AGEGENDER not in kinds:
                        payload = rows.error_payload(error)
                        self._add_part(session, row, PartKind.AGEGENDER_FAILURE, payload)
                    return self._joined(session, row, run, Status.ANALYSING)
                case _:
                    self._fail(session, row, error)
                    return Saved(accepted=True, is_failed=True)

    def finish(self, run: StageRun, document: AnalysisDocument) -> bool:
        """The result is on disk. False when the image has moved on: it is not wanted any more."""
        with self._transaction() as session:
            row = session.get(ImageRow, run.image_id)
            if row is None or row.generation != run.generation:
                return False
            if row.state.is_final:
                return row.state.has_result
            self._note(session, run, None)
            row.num_faces = document.num_faces
            row.is_settled = False
            rows.put_error(row, document.error)
            self._clear(session, row, FaceRow, PartRow)
            session.add_all(rows.face_rows(document))
            self._move(session, row, document.status)
            return True

    def delete(self, image_id: str) -> bool:
        """Leaves a tombstone; False when there was nothing to delete.

        The generation is raised, so that whoever still works on the image, or wants it
        started over, finds that it has moved on.
        """
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.state is Status.DELETED:
                return False
            self._begin(session, row, row.generation + 1)
            row.traceparent = ""
            rows.put_image_info(row, ImageInfo(width=0, height=0, format="", sha256=image_id))
            row.is_settled = False
            self._move(session, row, Status.DELETED)
            session.merge(TraceRow(image_id=image_id))
            return True

    def traces_erased(self, image_ids: Sequence[str]) -> None:
        """Nothing is left of these deleted images outside of the ledger."""
        with self._transaction() as session:
            session.execute(delete(TraceRow).where(TraceRow.image_id.in_(image_ids)))

    def forget_the_past(self) -> bool:
        """Empties the write-ahead log; False when somebody reads from it just now."""
        with database_errors(), closing(self._writing.raw_connection()) as connection:
            answer = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (is_busy, *_) = answer.fetchone()
            return not is_busy

    @contextmanager
    def settling(self, image_id: str) -> Iterator[ImageRow | None]:
        """Holds a finished image still while its files are moved or removed.

        Yields None when there is nothing to settle. When the block ends without an error, the
        image counts as settled.
        """
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.is_settled or not row.state.is_final:
                yield None
                return
            yield row
            row.is_settled = True

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with (
            database_errors(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def _current(self, session: Session, run: StageRun) -> ImageRow | None:
        """The image if the run is of its present generation; of a newer one, begins that."""
        row = session.get(ImageRow, run.image_id)
        if row is None or row.state is Status.DELETED or run.generation < row.generation:
            return None
        if run.generation > row.generation:
            self._begin(session, row, run.generation)
        return row

    def _begin(self, session: Session, row: ImageRow, generation: int) -> None:
        row.generation = generation
        row.status = Status.RECEIVED
        row.num_faces = None
        row.is_settled = True
        rows.put_error(row, None)
        self._touch(session, row)
        session.flush()
        self._clear(session, row, PartRow, RunRow, FaceRow)

    def _joined(self, session: Session, row: ImageRow, run: StageRun, status: Status) -> Saved:
        """What follows from a part: a line in the timeline, and maybe the end of waiting."""
        if run.error is None:
            self._note(session, run, None)
        complete = is_complete(self._kinds(session, row), row.num_faces)
        self._move(session, row, raised(row.state, Status.STORING if complete else status))
        return Saved(accepted=True, is_complete=complete, traceparent=row.traceparent)

    def _fail(self, session: Session, row: ImageRow, error: PartError) -> None:
        rows.put_error(row, error)
        row.is_settled = False
        self._clear(session, row, PartRow, FaceRow)
        self._move(session, row, Status.FAILED)

    def _add_part(self, session: Session, row: ImageRow, kind: PartKind, payload: bytes) -> bool:
        """Keeps the first part of a kind; False when there was one."""
        values = {
            "image_id": row.image_id,
            "kind": kind,
            "saved_at": self._now(),
            "payload": payload,
        }
        statement = insert(PartRow).values(values).on_conflict_do_nothing()
        return bool(session.scalar(statement.returning(PartRow.kind)))

    def _kinds(self, session: Session, row: ImageRow) -> set[str]:
        return set(session.scalars(select(PartRow.kind).where(PartRow.image_id == row.image_id)))

    def _note(self, session: Session, run: StageRun, error: PartError | None) -> None:
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

    def _move(self, session: Session, row: ImageRow, status: Status) -> None:
        row.status = status
        self._touch(session, row)

    def _touch(self, session: Session, row: ImageRow) -> None:
        with session.no_autoflush:
            row.revision = session.scalars(
                update(CounterRow)
                .where(CounterRow.name == "revision")
                .values(value=CounterRow.value + 1)
                .returning(CounterRow.value)
            ).one()
        row.updated_at = self._now()

    def _clear(
        self, session: Session, row: ImageRow, *tables: type[PartRow | RunRow | FaceRow]
    ) -> None:
        for table in tables:
            session.execute(delete(table).where(table.image_id == row.image_id))


def _late(row: ImageRow | None) -> Saved:
    """Answer to a part that nobody waits for: a repetition is fine, all else is dropped."""
    return _DROPPED if row is None or not row.state.has_result else Saved(accepted=True)
