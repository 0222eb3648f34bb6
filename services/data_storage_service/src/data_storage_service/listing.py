"""The filters of a listing as conditions of SQL, and the place where a page ends."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_

from data_storage_service.schema import FACES, ImageRow, from_microseconds, to_microseconds
from facepipe.domain.analysis import Status
from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.face_fields import FACE_FIELD, FaceCondition
from facepipe.ledger.states import ListQuery

FEW = 5000


def conditions(query: ListQuery) -> list[ColumnElement[bool]]:
    """What an image must be to be listed; `has_face` says what its faces must be.

    Raises:
        InvalidRequestError: the cursor is not one of this ledger.
    """
    wanted: list[ColumnElement[bool]] = []
    if query.statuses:
        wanted.append(ImageRow.status.in_([str(status) for status in query.statuses]))
    else:
        wanted.append(ImageRow.status != Status.DELETED)
    if query.received_after is not None:
        wanted.append(ImageRow.received_at > query.received_after)
    if query.received_before is not None:
        wanted.append(ImageRow.received_at < query.received_before)
    if query.min_faces is not None:
        wanted.append(ImageRow.num_faces >= query.min_faces)
    if query.max_faces is not None:
        wanted.append(ImageRow.num_faces <= query.max_faces)
    if query.cursor:
        moment, image_id = _position(query.cursor)
        place = tuple_(ImageRow.received_at, ImageRow.image_id)
        # Without its type the moment would be bound as text, which SQLite sorts after numbers.
        at = literal(moment, ImageRow.received_at.type)
        wanted.append(place < tuple_(at, image_id))
    return wanted


def has_face(wishes: Sequence[FaceCondition], *, are_few: bool) -> ColumnElement[bool]:
    """One and the same face meets all conditions.

    Where few faces do, they are found first, by an index or one pass over all faces. Where many
    do, the newest images are tried one by one, each by its own faces: an index on what is asked
    for would lead to all the faces of all images each time.

    Raises:
        InvalidRequestError: a face has no such field.
    """
    if are_few:
        return ImageRow.image_id.in_(select(FACES.c.image_id).where(*_fits(wishes)))
    own = FACES.c.image_id == ImageRow.image_id
    return select(FACES.c.image_id).where(own, *_fits(wishes, by_index=False)).exists()


def some_faces(wishes: Sequence[FaceCondition]) -> Select[int]:
    """Counts the faces that meet all conditions, up to `FEW`."""
    found = select(FACES.c.face_index).where(*_fits(wishes)).limit(FEW)
    return select(func.count()).select_from(found.subquery())


def _fits(wishes: Sequence[FaceCondition], *, by_index: bool = True) -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = []
    for wish in wishes:
        if wish.field not in FACE_FIELD:
            raise InvalidRequestError(f"a face has no field {wish.field!r}")
        column: ColumnElement[Any] = FACES.c[wish.field]
        if not by_index:
            column = func.nullif(column, None, type_=column.type)  # the same, to no index
        if wish.low is not None:
            fits.append(column >= wish.low)
        if wish.high is not None:
            fits.append(column <= wish.high)
        if wish.any_of:
            is_flag = FACE_FIELD[wish.field].kind is bool
            values = [one == "true" for one in wish.any_of] if is_flag else wish.any_of
            fits.append(column.in_(values))
    return fits


def cursor_after(row: ImageRow) -> str:
    """Where the next page begins."""
    place = f"{to_microseconds(row.received_at)}.{row.image_id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        moment, _, image_id = place.partition(".")
        return from_microseconds(int(moment)), image_id
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidRequestError("the cursor is not one of this ledger; start again") from error
