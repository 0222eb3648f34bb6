"""Counts over all results, by the fields that they and their faces have."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, and_, cast, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from data_storage_service import listing
from data_storage_service.schema import CORRECTED, FACES, ImageRow, RunRow, to_microseconds
from facepipe.domain.analysis import Gender
from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.face_fields import FACE_FIELD
from facepipe.domain.status import Status
from facepipe.ledger.states import (
    NUM_FACES,
    STORED_AT,
    Accuracy,
    Grouping,
    ListQuery,
    Stats,
    StepTime,
)

_HAS_RESULT = ImageRow.status.in_([Status.STORED, Status.PARTIAL])
# Where few images are of the last hour, or corrected, they are found by that.
_HAS_RESULT_BY_NO_INDEX = func.nullif(ImageRow.status, None).in_([Status.STORED, Status.PARTIAL])
# What the seventh digit of a fraction says nobody has measured; a bin may begin there.
_ROUNDING = 1e-6


def count(
    session: Session, by: Sequence[Grouping], where: ListQuery | None = None
) -> dict[tuple[str, ...], int]:
    """How many faces, or results, there are by the values of one or two fields.

    Args:
        session: of the ledger.
        by: the fields.
        where: images that its filters let through, and faces that meet its conditions, alone.

    Raises:
        InvalidRequestError: there is no such field, or the fields are not of one kind.
    """
    of_faces = all(one.field in FACE_FIELD for one in by)
    if not 1 <= len(by) <= 2 or not (of_faces or all(one.field in _OF_RESULTS for one in by)):
        raise InvalidRequestError("count by one or two fields, all of faces or all of results")
    keys = [_key(one) for one in by]
    statement = select(*keys, func.count()).group_by(*keys)
    if not of_faces:
        statement = statement.where(_HAS_RESULT)
    if where is not None:
        images = listing.all_conditions(where, are_few=listing.are_few(session, where))
        if of_faces:
            ids = select(ImageRow.image_id).where(*listing.conditions(where))
            images = [FACES.c.image_id.in_(ids), *listing.fits(where.faces)]
        statement = statement.where(*images)
    return {tuple(map(_shown, row[:-1])): row[-1] for row in session.execute(statement)}


def stats(session: Session, revision: int, hour_ago: datetime) -> Stats:
    """Numbers over the whole ledger, as of a revision."""
    by_status = session.execute(
        select(ImageRow.status, func.count()).group_by(ImageRow.status)
    ).all()
    by_gender = session.execute(select(FACES.c.gender, func.count()).group_by(FACES.c.gender)).all()
    recent = session.scalar(
        select(func.count())
        .select_from(ImageRow)
        .where(_HAS_RESULT_BY_NO_INDEX)
        .where(ImageRow.updated_at > hour_ago)
    )
    return Stats(
        images_by_status={Status(status): count for status, count in by_status},
        accepted=sum(count for _, count in by_status),
        faces=sum(count for _, count in by_gender),
        faces_by_gender={Gender(gender): count for gender, count in by_gender},
        stored_last_hour=recent or 0,
        revision=revision,
        accuracy=accuracy(session),
    )


def accuracy(session: Session) -> Accuracy:
    """How right the models are on the images that people have corrected."""
    images = select(ImageRow.image_id).where(CORRECTED, _HAS_RESULT_BY_NO_INDEX)
    count = session.scalar(select(func.count()).select_from(images.subquery())) or 0
    if not count:
        return Accuracy()
    face = FACES.c
    is_face = func.coalesce(face.is_face, literal(True))
    is_aged = and_(is_face, face.age.is_not(None), face.true_age.is_not(None))
    is_sexed = and_(is_face, face.gender != Gender.UNKNOWN, face.true_gender.is_not(None))
    sums = [
        func.count().filter(is_face, ~face.drawn),
        func.count().filter(~is_face, ~face.drawn),
        func.count().filter(is_face, face.drawn),
        func.count().filter(is_aged),
        func.avg(func.abs(face.age - face.true_age), type_=Float).filter(is_aged),
        func.count().filter(is_sexed),
        func.count().filter(is_sexed, face.gender == face.true_gender),
    ]
    found = session.execute(select(*sums).where(face.image_id.in_(images))).one()
    return Accuracy(count, *found)


def step_times(session: Session, newest: int) -> dict[str, StepTime]:
    """Median and 90th percentile of each step over the newest results."""
    results = (
        select(
            ImageRow.image_id,
            func.coalesce(ImageRow.begun_again_at, ImageRow.received_at).label("received_at"),
        )
        .where(_HAS_RESULT)
        .order_by(ImageRow.updated_at.desc())
        .limit(newest)
        .subquery()
    )
    runs = session.execute(
        select(results.c.image_id, results.c.received_at, RunRow.started_at, RunRow.timings_ms)
        .join(RunRow, and_(RunRow.image_id == results.c.image_id, RunRow.error_code == ""))
        .order_by(results.c.image_id, RunRow.started_at)
    )
    values: defaultdict[str, list[float]] = defaultdict(list)
    seen = ""
    for image_id, received_at, started_at, timings_ms in runs:
        if image_id != seen:
            waited_us = to_microseconds(started_at) - to_microseconds(received_at)
            values["queued"].append(max(0.0, waited_us / 1000))
            seen = image_id
        for step, milliseconds in timings_ms.items():
            if step != "queued":
                values[step].append(milliseconds)
    return {step: _step_time(found) for step, found in values.items()}


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) and abs(value) < 1e5 else str(value)


def _stored_at() -> ColumnElement[Any]:
    return cast(ImageRow.updated_at, BigInteger) // 1_000_000


_OF_RESULTS: dict[str, Callable[[], ColumnElement[Any]]] = {
    NUM_FACES: lambda: ImageRow.__table__.c.num_faces,
    STORED_AT: _stored_at,
}


def _key(grouping: Grouping) -> ColumnElement[Any]:
    name, width = grouping.field, grouping.width
    column: ColumnElement[Any] = FACES.c[name] if name in FACE_FIELD else _OF_RESULTS[name]()
    if width <= 0:
        return column
    bin_number = _truncated(cast(column, Float) / width + _ROUNDING)
    begin: ColumnElement[Any] = literal(width) * bin_number
    return begin


class _truncated(FunctionElement[int]):  # noqa: N801  # a function of SQL
    """The whole part of a number."""

    type = BigInteger()
    inherit_cache = True


@compiles(_truncated)
def _by_cast(element: _truncated, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(_truncated, "postgresql")
def _by_trunc(element: _truncated, compiler: SQLCompiler, **options: Any) -> str:
    """Its CAST rounds."""
    return f"CAST(trunc(CAST({compiler.process(element.clauses, **options)} AS FLOAT)) AS BIGINT)"


def _step_time(values_ms: Sequence[float]) -> StepTime:
    ordered = sorted(values_ms)
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return StepTime(statistics.median(ordered), p90, len(ordered))
