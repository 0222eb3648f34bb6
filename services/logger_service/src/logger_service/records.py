"""A log line and a span, as they are kept and as the API answers them.

`time` stands first in each JSON line and has a fixed width, so that a search can compare it
without parsing the line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TIME_PREFIX = b'{"time":"'
TIME_WIDTH = len("2026-11-22T20:12:00.123456Z")


class Kind(StrEnum):
    """What a file holds; the value begins its name."""

    LOGS = "logs"
    SPANS = "spans"


class Level(StrEnum):
    """How serious a line is."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    @property
    def severity(self) -> int:
        """The lowest OpenTelemetry severity number of this level, 1-21."""
        return 1 + 4 * list(Level).index(self)

    @classmethod
    def of_severity(cls, number: int) -> Level:
        """The level of an OpenTelemetry severity number; INFO when it is not set (0)."""
        return list(cls)[min(5, (number - 1) // 4)] if number > 0 else cls.INFO


class Record(BaseModel):
    """What a log line and a span have in common."""

    model_config = ConfigDict(extra="ignore")

    time: str = Field(description="UTC, to the microsecond", min_length=TIME_WIDTH)
    service: str
    image_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)
    resource: dict[str, Any] = Field(default_factory=dict)

    @property
    def day(self) -> str:
        return self.time[:10]

    def to_line(self) -> bytes:
        """The record as a line of a JSONL file, with its line end."""
        return self.model_dump_json(exclude_defaults=True).encode() + b"\n"


class LogLine(Record):
    """One line of a log."""

    level: Level
    severity: int = Field(description="OpenTelemetry severity number, 1-24")
    logger: str = ""
    message: str


class SpanEvent(BaseModel):
    """Something that happened during a span, e.g. an exception."""

    time: str
    name: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)


class SpanLine(Record):
    """One ended span; `time` is its start."""

    name: str
    parent_id: str = Field(default="", description="span id of the parent; empty for a root")
    end: str
    duration_ms: float
    kind: str = "internal"
    status: str = "unset"
    error: str = ""
    events: list[SpanEvent] = Field(default_factory=list)


def iso_time(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as UTC text of fixed width.

    >>> iso_time(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456Z'
    """
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def time_text(moment: datetime) -> str:
    """A point in time in the form of `time`; without a zone it is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
