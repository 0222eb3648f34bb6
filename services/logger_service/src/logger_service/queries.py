"""Reading: a page of log lines, and everything about one image.

Both pass over blocks of a file that do not hold the sought bytes and parse only lines that do.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from facepipe.domain.errors import InvalidRequestError
from facepipe.stages import STAGES
from logger_service.files import LogFile, lines_backwards, lines_with_any, log_files
from logger_service.records import TIME_PREFIX, TIME_WIDTH, Kind, Level, LogLine, SpanLine

_STAGE_SERVICES = frozenset(stage.service for stage in STAGES)

R = TypeVar("R", LogLine, SpanLine)

MAX_TRACE_RECORDS = 5000
AUDIT = "audit"
_CURSOR = re.compile(r"^(\d{4}-\d{2}-\d{2})\.(\d{1,6})\.(\d{1,15})$")
_TIME = slice(len(TIME_PREFIX), len(TIME_PREFIX) + TIME_WIDTH)
# Characters that JSON writes differently: text that has them is sought after parsing only.
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Filters of a search; every one that is set must hold.

    Attributes:
        level: the lowest level wanted.
        text: sought in message, logger and attributes, case-insensitive.
        since: inclusive, in the form of `LogLine.time`; `until` is exclusive.
    """

    service: str = ""
    level: Level = Level.TRACE
    image_id: str = ""
    text: str = ""
    since: str = ""
    until: str = ""

    def matches(self, line: LogLine) -> bool:
        return (
            (not self.service or line.service == self.service)
            and line.severity >= self.level.severity
            and (not self.image_id or line.image_id == self.image_id)
            and (not self.since or line.time >= self.since)
            and (not self.until or line.time < self.until)
            and (not self.text or self.text.casefold() in _searchable(line))
        )

    def needles(self) -> list[bytes]:
        """Bytes that every matching line holds."""
        found = []
        if self.image_id:
            found.append(json.dumps(self.image_id, ensure_ascii=False).encode())
        if self.service:
            found.append(b'"service":' + json.dumps(self.service, ensure_ascii=False).encode())
        return found


@dataclass(slots=True)
class LogPage:
    """Lines newest first, and where to go on; "" when there is no more."""

    lines: list[LogLine]
    next_cursor: str


@dataclass(slots=True)
class Trace:
    """What happened to one image: spans by their start, lines by their time."""

    spans: list[SpanLine] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    truncated: bool = False


def search(folder: Path, query: LogQuery, limit: int, cursor: str, max_scan_s: float) -> LogPage:
    """The newest matching lines before `cursor`.

    Days go from newest to oldest, lines of a day in the order of arrival, those of one page
    by their time. A search that takes long ends with what it found and a cursor to go on.

    Raises:
        InvalidRequestError: the cursor is none of ours.
    """
    deadline = time.monotonic() + max_scan_s
    lines: list[LogLine] = []
    for file, end in _files_before(folder, cursor, query):
        for offset, raw in lines_backwards(file.path, end, query.needles()):
            if raw and _may_match(raw, query):
                line = _parse(raw, LogLine)
                if line is not None and query.matches(line):
                    lines.append(line)
            if len(lines) >= limit or time.monotonic() > deadline:
                return LogPage(_newest_first(lines), f"{file.day}.{file.part}.{offset}")
    return LogPage(_newest_first(lines), "")


def trace_of(folder: Path, image_id: str) -> Trace:
    """The spans and log lines of an image's last run; who has read it is no part of that.

    Where a trace is shared with other images, what is known to be theirs is left out. Sending
    the same file again runs nothing, and has a trace without a stage.
    """
    needle = [json.dumps(image_id, ensure_ascii=False).encode()]
    own_spans = list(_records(folder, Kind.SPANS, needle, SpanLine))
    own_lines = list(_records(folder, Kind.LOGS, needle, LogLine))
    traces = {record.trace_id for record in own_spans if record.image_id == image_id}
    traces |= {record.trace_id for record in own_lines if record.image_id == image_id}
    traces.discard("")
    first_day = _day_before(min((record.day for record in (*own_spans, *own_lines)), default=""))
    sought = needle + [f'"{trace_id}"'.encode() for trace_id in sorted(traces)]

    def belongs(record: LogLine | SpanLine) -> bool:
        if record.image_id:
            return record.image_id == image_id
        return record.trace_id in traces

    spans = [r for r in _records(folder, Kind.SPANS, sought, SpanLine, first_day) if belongs(r)]
    lines = [r for r in _records(folder, Kind.LOGS, sought, LogLine, first_day) if belongs(r)]
    spans, lines = _last_run(spans, [line for line in lines if line.logger != AUDIT])
    spans.sort(key=lambda span: (span.time, span.end))
    lines.sort(key=lambda line: line.time)
    truncated = max(len(spans), len(lines)) > MAX_TRACE_RECORDS
    return Trace(spans[-MAX_TRACE_RECORDS:], lines[-MAX_TRACE_RECORDS:], truncated)


def _last_run(spans: list[SpanLine], lines: list[LogLine]) -> tuple[list[SpanLine], list[LogLine]]:
    """What belongs to the newest trace in which a stage worked; all, if none has yet."""
    runs = [span for span in spans if span.service in _STAGE_SERVICES]
    if not runs:
        return spans, lines
    last = max(runs, key=lambda span: span.time).trace_id
    return (
        [span for span in spans if span.trace_id == last],
        [line for line in lines if line.trace_id in (last, "")],
    )


def _records(
    folder: Path, kind: Kind, needles: list[bytes], model: type[R], first_day: str = ""
) -> Iterator[R]:
    for file in reversed(log_files(folder, kind)):
        if file.day >= first_day:
            for raw in lines_with_any(file.path, needles):
                record = _parse(raw, model)
                if record is not None:
                    yield record


def _day_before(day: str) -> str:
    """The day before, since a trace may have begun shortly before midnight."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day else ""


def _files_before(folder: Path, cursor: str, query: LogQuery) -> Iterator[tuple[LogFile, int]]:
    match = _CURSOR.match(cursor) if cursor else None
    if cursor and match is None:
        raise InvalidRequestError("the cursor is not one that this API gave out")
    start = (match[1], int(match[2])) if match else None
    for file in reversed(log_files(folder, Kind.LOGS)):
        position = (file.day, file.part)
        if start is not None and position > start:
            continue
        if query.until and file.day > query.until[:10]:
            continue
        if query.since and file.day < query.since[:10]:
            return
        yield file, int(match[3]) if match and position == start else file.size


def _may_match(raw: bytes, query: LogQuery) -> bool:
    moment = raw[_TIME].decode("ascii", "replace")
    if (query.since and moment < query.since) or (query.until and moment >= query.until):
        return False
    if query.text and query.text.isascii() and not _ESCAPED.search(query.text):
        return query.text.lower().encode() in raw.lower()
    return True


def _searchable(line: LogLine) -> str:
    values = " ".join(f"{key}={value}" for key, value in line.attributes.items())
    return f"{line.message} {line.logger} {line.image_id} {line.trace_id} {values}".casefold()


def _parse(raw: bytes, model: type[R]) -> R | None:
    """The record of a line; None for a torn or foreign one."""
    try:
        return model.model_validate_json(raw)
    except ValidationError:
        return None


def _newest_first(lines: list[LogLine]) -> list[LogLine]:
    return sorted(lines, key=lambda line: line.time, reverse=True)
