"""The filters of a listing, as query parameters of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, create_model

from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.face_fields import FaceField, conditions_of, filter_names
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery, Sort
from input_service.wishes import Folder, Text


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


class Paging(BaseModel):
    """Which part of a listing, in which order."""

    sort: Sort = Field(
        default=Sort.NEWEST, description="a minus stands before what begins with the largest"
    )
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str = Field(default="", max_length=3000, description="`next_cursor` of the page before")


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
    external_id: str = Field(default="", max_length=255)
    tag: list[Text] | None = Field(default=None, max_length=50, description="all of these")
    folder: Folder = Field(
        default="", max_length=1024, description="this one, and those that are in it"
    )

    corrected: bool | None = Field(
        default=None, description="whether a person has corrected something"
    )

    def require_some(self) -> None:
        """Raises InvalidRequestError where nothing is asked for: all images would be meant."""
        if all(not value and value is not False for value in self.model_dump().values()):
            raise InvalidRequestError("say which images: at least one filter is needed")

    def query(self, paging: Paging | None = None) -> ListQuery:
        """As the ledger is asked."""
        paging = paging or Paging()
        return ListQuery(
            statuses=tuple(self.status or ()),
            received_after=self.received_after,
            received_before=self.received_before,
            min_faces=self.min_faces,
            max_faces=self.max_faces,
            faces=conditions_of(self.model_dump()),
            name=self.name,
            external_id=self.external_id,
            tags=tuple(self.tag or ()),
            folder=self.folder,
            corrected=self.corrected,
            sort=paging.sort,
            limit=paging.limit,
            cursor=paging.cursor,
            with_total=not paging.cursor,
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
