"""The filters of a listing, as query parameters of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, create_model

from facepipe.domain.analysis import Status
from facepipe.domain.face_fields import FaceField, conditions_of, filter_names
from facepipe.ledger.states import ListQuery, Sort


def _in_utc(moment: datetime) -> datetime:
    """A moment without a time zone is one of UTC, wherever the service runs."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the years of the calendar are 1 to 9999") from error


_Moment = Annotated[datetime, AfterValidator(_in_utc)]
_Count = Annotated[int | None, Field(ge=0, le=100_000)]


class _Filters(BaseModel):
    """What an image must be. The filters on its faces are added from their declaration."""

    status: list[Status] | None = Field(default=None, description="any of these")
    received_after: _Moment | None = None
    received_before: _Moment | None = None
    min_faces: _Count = None
    max_faces: _Count = None
    name: str = Field(
        default="", max_length=255, description="part of the file name; capitals do not matter"
    )
    sort: Sort = Field(
        default=Sort.NEWEST, description="a minus stands before what begins with the largest"
    )
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str = Field(default="", max_length=3000, description="`next_cursor` of the page before")

    def query(self) -> ListQuery:
        """As the ledger is asked."""
        return ListQuery(
            statuses=tuple(self.status or ()),
            received_after=self.received_after,
            received_before=self.received_before,
            min_faces=self.min_faces,
            max_faces=self.max_faces,
            faces=conditions_of(self.model_dump()),
            name=self.name,
            sort=self.sort,
            limit=self.limit,
            cursor=self.cursor,
            with_total=not self.cursor,
        )


def _parameter(field: FaceField) -> Any:
    if field.bounds is None:
        return (field.choices | None if field.choices else field.kind | None, None)
    low, high = (field.kind(bound) for bound in field.bounds)
    return (field.kind | None, Field(default=None, ge=low, le=high, description=field.unit or None))


ImageFilters = create_model(
    "ImageFilters",
    __base__=_Filters,
    **{name: _parameter(field) for name, field in filter_names()},
)
