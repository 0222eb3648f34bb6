"""Reanalyses in the ledger: which images they have, where those stand, and what changed.

The functions with a session are steps of the transactions that begin and end an image's work.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from data_storage_service import listing, rows
from data_storage_service.changes import KnownFace, difference
from data_storage_service.database import database_errors
from data_storage_service.schema import (
    FACES,
    REANALYSIS_OPEN,
    ImageRow,
    ReanalysedRow,
    ReanalysisRow,
)
from facepipe.domain.analysis import AnalysisDocument, PartError
from facepipe.domain.errors import ImageNotFoundError
from facepipe.domain.geometry import BoundingBox
from facepipe.ledger.states import (
    Difference,
    ListQuery,
    ReanalysedImage,
    Reanalysis,
    ReanalysisState,
)

MAX_LIMIT = 500
_COUNTED = tuple(one.name for one in fields(Difference))
_CHANGED = ("faces_gained", "faces_lost", "ages_moved", "genders_changed")
_OPEN = (ReanalysisState.WAITING, ReanalysisState.RUNNING)
_OF_FACES = (FACES.c.x1, FACES.c.y1, FACES.c.x2, FACES.c.y2, FACES.c.age, FACES.c.gender)

_BUSY = select(ReanalysedRow.image_id).where(
    REANALYSIS_OPEN, ReanalysedRow.state == str(ReanalysisState.RUNNING)
)
_WAITING = (
    select(ReanalysedRow.image_id)
    .where(REANALYSIS_OPEN, ReanalysedRow.state == str(ReanalysisState.WAITING))
    .where(ReanalysedRow.image_id.not_in(_BUSY))
    .distinct()
    .limit(bindparam("at_most"))
)


class Reanalyses:
    """Begins reanalyses and tells how far they are. Thread-safe."""

    def __init__(
        self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._reading = engine
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._now = now

    def begin(self, query: ListQuery) -> Reanalysis:
        """Notes all images with a result that the query lets through; they wait for their turn.

        Raises:
            InvalidRequestError: a face has no such field.
        """
        reanalysis_id = uuid.uuid4().hex
        with database_errors(), Session(self._writing) as session, session.begin():
            session.add(ReanalysisRow(reanalysis_id=reanalysis_id, created_at=self._now()))
            session.flush()
            chosen = select(
                literal(reanalysis_id), ImageRow.image_id, literal(str(ReanalysisState.WAITING))
            ).where(*listing.all_conditions(query, are_few=listing.are_few(session, query)))
            columns = ["reanalysis_id", "image_id", "state"]
            session.execute(insert(ReanalysedRow).from_select(columns, chosen))
        return self.report(reanalysis_id)

    def waiting(self, limit: int) -> list[str]:
        """Images that are to be analysed again and are not just now."""
        with database_errors(), self._reading.connect() as connection:
            return list(connection.scalars(_WAITING, {"at_most": limit}))

    def skip(self, image_id: str, error: PartError) -> None:
        """It cannot be analysed again."""
        with database_errors(), Session(self._writing) as session, session.begin():
            leave(session, image_id, error)

    def report(self, reanalysis_id: str, limit: int = 100, cursor: str = "") -> Reanalysis:
        """How far it is, what changed, and a page of the images with a change or an error.

        Raises:
            ImageNotFoundError: there is none of that id.
        """
        own = ReanalysedRow.reanalysis_id == reanalysis_id
        sums = [func.coalesce(func.sum(_column(name)), 0) for name in _COUNTED]
        told = or_(*(_column(name) > 0 for name in _CHANGED), ReanalysedRow.error_code != "")
        limit = max(1, min(limit, MAX_LIMIT))
        with database_errors(), Session(self._reading) as session:
            row = session.get(ReanalysisRow, reanalysis_id)
            if row is None:
                raise ImageNotFoundError(f"there is no reanalysis {reanalysis_id}")
            counts = session.execute(
                select(ReanalysedRow.state, func.count()).where(own).group_by(ReanalysedRow.state)
            )
            numbers = {ReanalysisState(state): count for state, count in counts}
            totals = session.execute(select(*sums).where(own)).one()
            page = session.scalars(
                select(ReanalysedRow)
                .where(own, told, ReanalysedRow.image_id > cursor)
                .order_by(ReanalysedRow.image_id)
                .limit(limit + 1)
            ).all()
            changed = tuple(_image(one) for one in page[:limit])
        return Reanalysis(
            reanalysis_id=reanalysis_id,
            created_at=row.created_at,
            images={state: numbers.get(state, 0) for state in ReanalysisState},
            difference=Difference(**dict(zip(_COUNTED, totals, strict=True))),
            changed=changed,
            next_cursor=changed[-1].image_id if len(page) > limit else "",
        )


def start(session: Session, image_id: str) -> None:
    """The image's work has begun, for every reanalysis that waits for it."""
    _settle(session, image_id, (ReanalysisState.WAITING,), state=ReanalysisState.RUNNING)


def finish(session: Session, document: AnalysisDocument) -> None:
    """Compares the faces that the index has with those of the new result."""
    image_id = document.image.sha256
    known = session.execute(select(*_OF_FACES).where(FACES.c.image_id == image_id))
    before = [KnownFace(BoundingBox(*row[:4]), row.age, row.gender) for row in known]
    after = [
        KnownFace(face.box.to_bounding_box(), face.agegender.age, face.agegender.gender)
        for face in document.faces
    ]
    _settle(
        session,
        image_id,
        (ReanalysisState.RUNNING,),
        state=ReanalysisState.DONE,
        **asdict(difference(before, after)),
    )


def fail(session: Session, image_id: str, error: PartError) -> None:
    _settle(
        session,
        image_id,
        (ReanalysisState.RUNNING,),
        state=ReanalysisState.FAILED,
        error_code=error.code,
        error_message=error.message,
    )


def leave(session: Session, image_id: str, error: PartError) -> None:
    _settle(
        session,
        image_id,
        _OPEN,
        state=ReanalysisState.SKIPPED,
        error_code=error.code,
        error_message=error.message,
    )


def count_faces(session: Session, image_id: str) -> int:
    """Faces of the result that stands."""
    statement = select(func.count()).select_from(FACES).where(FACES.c.image_id == image_id)
    return session.scalar(statement) or 0


def _settle(
    session: Session, image_id: str, states: tuple[ReanalysisState, ...], **values: Any
) -> None:
    session.execute(
        update(ReanalysedRow)
        .where(ReanalysedRow.image_id == image_id, ReanalysedRow.state.in_(map(str, states)))
        .values(**values)
    )


def _column(name: str) -> Any:
    return ReanalysedRow.__table__.c[name]


def _image(row: ReanalysedRow) -> ReanalysedImage:
    return ReanalysedImage(
        row.image_id,
        ReanalysisState(row.state),
        Difference(*(getattr(row, name) for name in _COUNTED)),
        rows.error_of(row),
    )
