"""Tables of the ledger.

Every change draws a number from one counter: numbers follow the order of commits, which is what
`WatchAnalyses` goes by.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    TextClause,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from facepipe.domain.face_fields import FACE_FIELDS
from facepipe.domain.status import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970, which sort as they should."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


# Written as in the indexes: SQLite does not take `is_settled = 0` for the same.
UNSETTLED = text("NOT is_settled")
CORRECTED = text("corrected")
UNSENT = text("NOT is_sent")
REANALYSIS_OPEN = text("state IN ('waiting', 'running')")


def _some(name: str, rows: TextClause, *columns: str) -> Index:
    """An index of some rows, to both databases."""
    return Index(name, *columns, sqlite_where=rows, postgresql_where=rows)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Moment, int: BigInteger, dict[str, float]: JSON}  # noqa: RUF012  # SQLAlchemy reads it off the class


class ImageRow(Base):
    """An image that was ever accepted. Deleted ones stay, without anything personal.

    `tags` has a line for each, with a line break before the first and after the last one;
    `options` are JSON. While a result stands and the image is analysed again, `status` is that of
    the result, and `again` where the new analysis stands. `is_settled` is false from the moment an
    image is finished until what follows from it (files moved or removed, Redis keys discarded) is
    done too.
    """

    __tablename__ = "images"
    __table_args__ = (
        Index("images_newest", "received_at", "image_id"),
        Index("images_status", "status", "received_at", "image_id"),
        Index("images_changed", "updated_at", "status"),
        _some("images_unsettled", UNSETTLED, "image_id"),
        _some("images_corrected", CORRECTED, "image_id"),
    )

    image_id: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int]
    status: Mapped[str]
    file_name: Mapped[str] = mapped_column(default="")
    format: Mapped[str] = mapped_column(default="")
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    orientation_applied: Mapped[int] = mapped_column(default=1)
    size_bytes: Mapped[int] = mapped_column(default=0)
    damaged: Mapped[bool] = mapped_column(default=False, server_default=false())
    decoded_share: Mapped[float] = mapped_column(default=1.0, server_default=text("1"))
    frame: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    preview: Mapped[bool] = mapped_column(default=False, server_default=false())
    external_id: Mapped[str] = mapped_column(default="", server_default=text("''"))
    tags: Mapped[str] = mapped_column(default="", server_default=text("''"))
    folder: Mapped[str] = mapped_column(default="", server_default=text("''"))
    options: Mapped[str] = mapped_column(default="", server_default=text("''"))
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    num_faces: Mapped[int | None] = mapped_column(default=None)
    error_code: Mapped[str] = mapped_column(default="")
    error_message: Mapped[str] = mapped_column(default="")
    traceparent: Mapped[str] = mapped_column(default="")
    is_urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    completed_at: Mapped[datetime | None] = mapped_column(default=None)
    faces_version: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    again: Mapped[str] = mapped_column(default="", server_default=text("''"))
    begun_again_at: Mapped[datetime | None] = mapped_column(default=None)
    is_settled: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(index=True)
    corrected: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def state(self) -> Status:
        """Where the work on the image stands."""
        return Status(self.again or self.status)


class _OfImage:
    # First in the primary key, which is how all rows of an image are found.
    image_id: Mapped[str] = mapped_column(
        ForeignKey("images.image_id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class PartRow(_OfImage, Base):
    """What a stage found, or why it gave up; until the result is on disk."""

    __tablename__ = "stage_parts"

    stage: Mapped[str] = mapped_column(primary_key=True)
    saved_at: Mapped[datetime]
    document: Mapped[bytes] = mapped_column(default=b"")
    error_code: Mapped[str] = mapped_column(default="")
    error_message: Mapped[str] = mapped_column(default="")


class JobRow(_OfImage, Base):
    """A job of the present generation; it is sent until Redis has taken it."""

    __tablename__ = "jobs"
    __table_args__ = (_some("jobs_unsent", UNSENT, "image_id"),)

    stage: Mapped[str] = mapped_column(primary_key=True)
    is_sent: Mapped[bool] = mapped_column(default=False)


class CorrectionRow(_OfImage, Base):
    """What a person said of the image; stays when it is analysed again. `document` is JSON."""

    __tablename__ = "corrections"

    number: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[bytes]


class RunRow(_OfImage, Base):
    """A run of a stage in the present generation, for the timeline."""

    __tablename__ = "stage_runs"

    stage: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    timings_ms: Mapped[dict[str, float]] = mapped_column(default=dict)
    error_code: Mapped[str] = mapped_column(default="")
    error_message: Mapped[str] = mapped_column(default="")


_COLUMN_TYPES = {int: Integer, float: Float, bool: Boolean, str: String}

FACES = Table(
    "faces",
    Base.metadata,
    Column("image_id", String, ForeignKey("images.image_id", ondelete="CASCADE"), primary_key=True),
    Column("face_index", Integer, primary_key=True),
    *(Column(field.name, _COLUMN_TYPES[field.kind]) for field in FACE_FIELDS),
    # With all that a count of images asks of a face.
    Index("faces_of_gender_and_age", "gender", "age", "image_id"),
    Index("faces_of_age", "age", "image_id"),
)
"""The fields of each face in a stored result, as `facepipe.domain.face_fields` declares them."""

FACES_VERSION = zlib.crc32(f"completed_at {FACE_FIELDS!r}".encode())
"""Changes with the declaration; rows of another version are made again from the results."""


class PendingErasureRow(_OfImage, Base):
    """A deleted image of which log lines and the like are still to be erased."""

    __tablename__ = "traces_left"


class ReanalysisRow(Base):
    """A wish to analyse images again."""

    __tablename__ = "reanalyses"

    reanalysis_id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class ReanalysedRow(Base):
    """An image of a reanalysis, and what came of it."""

    __tablename__ = "reanalysed_images"
    __table_args__ = (_some("reanalysed_open", REANALYSIS_OPEN, "state", "image_id"),)

    reanalysis_id: Mapped[str] = mapped_column(
        ForeignKey("reanalyses.reanalysis_id", ondelete="CASCADE"), primary_key=True
    )
    image_id: Mapped[str] = mapped_column(
        ForeignKey("images.image_id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str]
    error_code: Mapped[str] = mapped_column(default="")
    error_message: Mapped[str] = mapped_column(default="")
    faces_before: Mapped[int] = mapped_column(default=0)
    faces_after: Mapped[int] = mapped_column(default=0)
    faces_gained: Mapped[int] = mapped_column(default=0)
    faces_lost: Mapped[int] = mapped_column(default=0)
    ages_moved: Mapped[int] = mapped_column(default=0)
    years_moved: Mapped[int] = mapped_column(default=0)
    genders_changed: Mapped[int] = mapped_column(default=0)


class CounterRow(Base):
    """The number of the latest change, and, while work is paused, since when."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]
