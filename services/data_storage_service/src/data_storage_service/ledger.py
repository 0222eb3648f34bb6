"""The ledger's writes: every one is one transaction, and repeating one changes nothing.

A part of an older generation, or of a deleted image, is dropped. A part of a newer one than
the ledger has heard of starts that generation, so that the last generation wins in whatever
order the calls come. The jobs that are due next are rows of the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, or_, select
from sqlalchemy.orm import Session

from data_storage_service import corrections, reanalyses, rows
from data_storage_service.corrections import CorrectedImage
from data_storage_service.database import database_errors
from data_storage_service.due_jobs import DueJob
from data_storage_service.outcomes import Registered, Saved, late
from data_storage_service.progress import raised
from data_storage_service.schema import (
    CorrectionRow,
    ImageRow,
    PartRow,
    PendingErasureRow,
    RunRow,
)
from data_storage_service.steps import Steps
from facepipe.domain.analysis import (
    AnalysisDocument,
    Correction,
    ImageInfo,
    LandmarksPart,
    Part,
    PartError,
)
from facepipe.domain.errors import ImageNotFoundError
from facepipe.domain.status import Status
from facepipe.ledger.messages import part_document
from facepipe.ledger.states import ImageState, StageRun
from facepipe.stages import STAGE


class Ledger:
    """Writes to the ledger. Thread-safe; several processes may write the same file."""

    def __init__(
        self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.engine = engine
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._synced = self._writing.execution_options(sqlite_synchronous="FULL")
        self._now = now
        self._steps = Steps(now)

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
        as_queued: bool = False,
    ) -> Registered:
        """Enters an accepted image, or finds it; see `RegisterImageRequest`.

        An image that was deleted begins anew. Who sends its job at once may enter it as queued, and
        takes that back by `not_queued` where Redis does not take the job.
        """
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            created = row is None
            if row is None:
                row = ImageRow(image_id=image_id, generation=0, revision=0, is_settled=True)
                session.add(row)
                is_new = True
            elif row.state is Status.DELETED and not new_generation:
                is_new = True
            else:
                is_new = new_generation and expected_generation in (0, row.generation)
            if is_new:
                row.received_at = received_at
                row.traceparent = traceparent
                row.is_urgent = urgent
                row.begun_again_at = None
                rows.put_image_info(row, image)
                status = Status.QUEUED if as_queued else Status.RECEIVED
                self._steps.begin(session, row, row.generation + 1, status)
                due = self._steps.issue(session, row)
                return Registered(rows.state_of(row), created, due)
            timeline = select(RunRow).where(RunRow.image_id == image_id)
            return Registered(rows.state_of(row, session.scalars(timeline)), created)

    def not_queued(self, state: ImageState) -> ImageState:
        """Redis did not take the first job of an image that was entered as queued."""
        with self._transaction() as session:
            row = session.get(ImageRow, state.image_id)
            if row is None:
                raise ImageNotFoundError(f"image {state.image_id} was deleted meanwhile")
            if (row.generation, row.state) == (state.generation, Status.QUEUED):
                self._steps.move(session, row, Status.RECEIVED)
            return rows.state_of(row)

    def save_started(self, run: StageRun) -> bool:
        """A stage began. False when the image has moved on without it."""
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return False
            self._steps.note(session, replace(run, ended_at=None), None)
            self._steps.move(session, row, raised(row.state, STAGE[run.stage].status))
            return True

    def save_part(self, run: StageRun, part: Part, document: bytes | None = None) -> Saved:
        """Keeps what a stage found: the first part that comes. It beats a reported failure.

        Args:
            run: that found it.
            part: what it found.
            document: its JSON, where that is at hand.
        """
        with self._transaction() as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return late(row)
            is_kept = self._steps.keep(session, run, document or part_document(part))
            if is_kept and isinstance(part, LandmarksPart):
                row.num_faces = len(part.faces)
            self._steps.note(session, run, None)
            return Saved(accepted=True, due=self._steps.go_on(session, row, run))

    def save_failure(self, run: StageRun, error: PartError) -> Saved:
        """A stage gave up: the image failed if it is required, else its result is partial."""
        with self._transaction(is_final=True) as session:
            row = self._current(session, run)
            if row is None or row.state.is_final:
                return late(row)
            self._steps.note(session, run, error)
            is_here = session.get(PartRow, {"image_id": row.image_id, "stage": run.stage})
            # A whole result that stands is better than a new one with a part missing.
            if (STAGE[run.stage].is_required or row.again) and is_here is None:
                self._steps.fail(session, row, error)
                return Saved(accepted=True, is_failed=True)
            if is_here is None:
                gone = PartRow(image_id=row.image_id, stage=run.stage, saved_at=self._now())
                rows.put_error(gone, error)
                session.add(gone)
                session.flush()
            return Saved(accepted=True, due=self._steps.go_on(session, row, run))

    def fail(self, run: StageRun, error: PartError) -> bool:
        """Ends an image in flight, whatever has come of it; False when it has moved on."""
        with self._transaction(is_final=True) as session:
            row = session.get(ImageRow, run.image_id)
            if row is None or row.generation != run.generation or row.state.is_final:
                return False
            self._steps.note(session, run, error)
            self._steps.fail(session, row, error)
            return True

    def start_over(self, image_id: str, generation: int) -> bool:
        """Begins a new generation of an image in flight; False when it has moved on."""
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.generation != generation or row.state.is_final:
                return False
            self._steps.begin_as_before(session, row, generation + 1)
            self._steps.issue(session, row)
            return True

    def analyse_again(self, image_id: str) -> bool | None:
        """Begins a new generation beside the result that stands.

        False: not now, something else is done on it. None: there is no result.
        """
        with self._transaction() as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.state in (Status.FAILED, Status.DELETED):
                return None
            if not row.state.has_result or not row.is_settled:
                return False
            reanalyses.start(session, image_id)
            row.is_urgent = False
            row.traceparent = ""
            self._steps.begin_again(session, row, row.generation + 1)
            self._steps.issue(session, row)
            return True

    def sent(self, jobs: Sequence[DueJob]) -> None:
        """Redis has taken these jobs."""
        with self._transaction() as session:
            self._steps.mark_sent(session, jobs)
            waiting = select(ImageRow).where(
                ImageRow.image_id.in_({job.image_id for job in jobs}),
                or_(ImageRow.again == Status.RECEIVED, ImageRow.status == Status.RECEIVED),
            )
            taken = {(job.image_id, job.generation) for job in jobs}
            for row in session.scalars(waiting):
                if (row.image_id, row.generation) in taken:
                    self._steps.move(session, row, Status.QUEUED)

    def finish(self, run: StageRun, document: AnalysisDocument) -> list[Correction] | None:
        """The result is on disk; returns what people have said of the image up to now.

        None when the image has moved on: the result is not wanted any more.
        """
        with self._transaction(is_final=True) as session:
            row = session.get(ImageRow, run.image_id)
            if row is None or row.generation != run.generation:
                return None
            said = corrections.of(session, row)
            if row.state.is_final:
                return said if row.state.has_result else None
            self._steps.note(session, run, None)
            self._steps.finish(session, row, document)
            row.corrected = bool(said)
            return said

    def index_faces(self, document: AnalysisDocument) -> None:
        """Makes the rows of a stored result's faces anew."""
        with self._transaction() as session:
            row = session.get(ImageRow, document.image.sha256)
            if row is not None and row.state.has_result and row.generation >= document.generation:
                self._steps.put_faces(session, row, document)

    def delete(self, image_id: str) -> bool:
        """Leaves a tombstone; False when there was nothing to delete.

        The generation is raised, so that whoever still works on the image, or wants it
        started over, finds that it has moved on.
        """
        with self._transaction(is_final=True) as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.state is Status.DELETED:
                return False
            self._steps.begin(session, row, row.generation + 1)
            self._steps.clear(session, row, CorrectionRow)
            row.traceparent, row.corrected = "", False
            rows.put_image_info(row, ImageInfo(width=0, height=0, format="", sha256=image_id))
            row.is_settled = False
            self._steps.move(session, row, Status.DELETED)
            session.merge(PendingErasureRow(image_id=image_id))
            return True

    def traces_erased(self, image_ids: Sequence[str]) -> None:
        """Nothing is left of these deleted images outside of the ledger."""
        with self._transaction() as session:
            session.execute(
                delete(PendingErasureRow).where(PendingErasureRow.image_id.in_(image_ids))
            )

    def checkpoint(self) -> bool:
        """Empties the write-ahead log; False when somebody reads from it just now.

        PostgreSQL writes over its own as time goes on.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with database_errors(), closing(self._writing.raw_connection()) as connection:
            answer = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (is_busy, *_) = answer.fetchone()
            return not is_busy

    @contextmanager
    def correcting(self, image_id: str) -> Iterator[CorrectedImage]:
        """Holds an image still while its corrections, and the result with them, change.

        Raises:
            ImageNotFoundError: there is no such image, or it was deleted.
        """
        with self._transaction(is_final=True) as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.state is Status.DELETED:
                raise ImageNotFoundError(f"there is no image {image_id} to correct")
            yield CorrectedImage(session, row, self._steps)

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
    def _transaction(self, *, is_final: bool = False) -> Iterator[Session]:
        """One transaction; of one that ends an image or erases it, the disk is waited for."""
        with (
            database_errors(),
            Session(self._synced if is_final else self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def _current(self, session: Session, run: StageRun) -> ImageRow | None:
        """The image if the run is of its present generation; of a newer one, begins that."""
        row = session.get(ImageRow, run.image_id)
        if row is None or row.state is Status.DELETED or run.generation < row.generation:
            return None
        if run.generation > row.generation:
            self._steps.begin_as_before(session, row, run.generation)
        return row
