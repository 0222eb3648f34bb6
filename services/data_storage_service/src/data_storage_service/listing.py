"""The filters of a listing as conditions of SQL, its order, and the place where a page ends."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    collate,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from data_storage_service.schema import FACES, ImageRow, from_microseconds, to_microseconds
from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.face_fields import FACE_FIELD, FaceCondition
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery, Sort

FEW = 5000


def conditions(query: ListQuery) -> list[ColumnElement[bool]]:
    """What an image must be to be listed; `has_face` says what its faces must be."""
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
    if query.name:
        wanted.append(ImageRow.file_name.contains(query.name, autoescape=True))
    if query.external_id:
        wanted.append(ImageRow.external_id == query.external_id)
    for tag in query.tags:
        wanted.append(ImageRow.tags.contains(f"\n{tag}\n", autoescape=True))
    if query.folder:
        below = ImageRow.folder.startswith(f"{query.folder}/", autoescape=True)
        wanted.append((ImageRow.folder == query.folder) | below)
    if query.corrected is not None:
        wanted.append(ImageRow.corrected.is_(query.corrected))
    return wanted


def are_few(session: Session, query: ListQuery) -> bool:
    """Whether few faces meet the conditions, so that they are best found first.

    Raises:
        InvalidRequestError: a face has no such field.
    """
    return bool(query.faces) and (session.scalar(some_faces(query.faces)) or 0) < FEW


def all_conditions(query: ListQuery, *, are_few: bool) -> list[ColumnElement[bool]]:
    """What an image and its faces must be; for `are_few` see there.

    Raises:
        InvalidRequestError: a face has no such field.
    """
    wanted = conditions(query)
    if query.faces:
        wanted.append(has_face(query.faces, are_few=are_few))
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
        return ImageRow.image_id.in_(select(FACES.c.image_id).where(*fits(wishes)))
    own = FACES.c.image_id == ImageRow.image_id
    return select(FACES.c.image_id).where(own, *fits(wishes, by_index=False)).exists()


def total(query: ListQuery, *, are_few: bool) -> Select[int]:
    """Counts the images that all filters let through; for `are_few` see there.

    Raises:
        InvalidRequestError: a face has no such field.
    """
    images, count = conditions(query), select(func.count())
    if not query.faces:
        return count.select_from(ImageRow).where(*images)
    if query.statuses or len(images) > 1:
        images.append(has_face(query.faces, are_few=True))
        return count.select_from(ImageRow).where(*images)
    # A deleted image has no faces.
    if are_few or {"age"} <= {wish.field for wish in query.faces} <= {"age", "gender"}:
        # By an index that holds all that is asked for, where there are many.
        return select(func.count(FACES.c.image_id.distinct())).where(*fits(query.faces))
    # One pass over the faces, whatever is asked for, counts the first one that fits of each image.
    earlier = FACES.alias()
    other = select(earlier.c.face_index).where(
        earlier.c.image_id == FACES.c.image_id,
        earlier.c.face_index < FACES.c.face_index,
        *fits(query.faces, earlier, by_index=False),
    )
    is_first = or_(FACES.c.face_index == 0, ~other.exists())
    return count.select_from(FACES).where(*fits(query.faces, by_index=False), is_first)


def some_faces(wishes: Sequence[FaceCondition]) -> Select[int]:
    """Counts the faces that meet all conditions, up to `FEW`."""
    found = select(literal(1)).select_from(FACES).where(*fits(wishes)).limit(FEW)
    return select(func.count()).select_from(found.subquery())


def fits(
    wishes: Sequence[FaceCondition], faces: FromClause = FACES, *, by_index: bool = True
) -> list[ColumnElement[bool]]:
    """What a face must be.

    Raises:
        InvalidRequestError: a face has no such field.
    """
    fits: list[ColumnElement[bool]] = []
    for wish in wishes:
        if wish.field not in FACE_FIELD:
            raise InvalidRequestError(f"a face has no field {wish.field!r}")
        column: ColumnElement[Any] = faces.c[wish.field]
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


class _Listed(Protocol):
    """An image by its id, with the value by which it is listed."""

    image_id: Any


class Place:
    """Positions in the order of a listing; where the key is the same, ids decide.

    Attributes:
        column: by whose values it is ordered.
    """

    def __init__(self, sort: Sort) -> None:
        self._sort = sort
        self.column: ColumnElement[Any] = ImageRow.__table__.c[sort.key]
        self._key: ColumnElement[Any] = self.column
        if sort.key == "file_name":
            self._key = collate(self.column, "NOCASE")
        elif sort.key == "num_faces":
            # Where faces were not looked for yet comes before where there are none.
            self._key = func.coalesce(self.column, -1)

    @property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        if self._sort.is_descending:
            return self._key.desc(), ImageRow.image_id.desc()
        return self._key.asc(), ImageRow.image_id.asc()

    def beyond(self, cursor: str) -> list[ColumnElement[bool]]:
        """What comes after a page; without a cursor everything does.

        Raises:
            InvalidRequestError: it is no cursor of this ledger, or one of another order.
        """
        if not cursor:
            return []
        value, image_id = self._position(cursor)
        # Without its type a moment would be bound as text, which SQLite sorts after numbers.
        there = tuple_(literal(value, self.column.type), image_id)
        here = tuple_(self._key, ImageRow.image_id)
        return [here < there if self._sort.is_descending else here > there]

    def cursor_after(self, row: _Listed) -> str:
        """Where the next page begins."""
        value = getattr(row, self._sort.key)
        if self._is_moment:
            value = to_microseconds(value)
        place = json.dumps([self._sort, -1 if value is None else value, row.image_id])
        return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    @property
    def _is_moment(self) -> bool:
        return self._sort.key.endswith("_at")

    def _position(self, cursor: str) -> tuple[Any, str]:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            sort, value, image_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
            found = (self._found(value), str(image_id))
        except (ValueError, TypeError, OverflowError, binascii.Error) as error:
            raise InvalidRequestError(
                "the cursor is not one of this ledger; start again"
            ) from error
        if sort != self._sort:
            raise InvalidRequestError(f"the cursor belongs to sort={sort}; keep to its order")
        return found

    def _found(self, value: str | int) -> Any:
        """The value of a cursor, whose order may be another one."""
        if isinstance(value, str):
            return value
        moment = from_microseconds(value)  # whatever it is, it is within SQLite's integers
        return moment if self._is_moment else value
