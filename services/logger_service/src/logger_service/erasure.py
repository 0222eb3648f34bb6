"""Forgetting an image: its id, file name and the like vanish from lines and spans.

What remains is that something was done, when and how long it took. A file is rewritten aside,
synced and renamed; a changed line is filled up with spaces, so that all others keep their
offsets and cursors stay valid.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from logger_service.files import holds_any, lines_with_any, log_files
from logger_service.journal import Journal
from logger_service.records import Kind, LogLine, Record, SpanLine, iso_time

R = TypeVar("R", bound=Record)

ERASED = "[erased]"
PERSONAL_KEYS = frozenset(
    {
        "file_name", "filename", "file", "path", "image_path", "source_path",
        "client", "client_ip", "client.address", "user_agent", "user_agent.original",
        "url", "url.full", "url.path", "url.query", "http.url", "http.target",
    }
)  # fmt: skip
MAX_REMEMBERED = 10_000
_SHORT_ID = 12
_MIN_NAME = 3


def id_pattern(image_id: str) -> re.Pattern[str]:
    """Finds an image id in text; a SHA-256 also where it is shortened to 12 digits or more."""
    if re.fullmatch(r"[0-9a-f]{64}", image_id):
        rest = 64 - _SHORT_ID
        return re.compile(image_id[:_SHORT_ID] + r"[0-9a-f]{0," + str(rest) + "}")
    return re.compile(re.escape(image_id))


@dataclass(slots=True)
class Scrubber:
    """Blanks what belongs to one image.

    Attributes:
        names: file names and the like of the image, blanked in text as well.
        traces: ids of its traces; their lines that name no image are its own, too.
    """

    image_id: str
    names: set[str] = field(default_factory=set)
    traces: set[str] = field(default_factory=set)

    def learn(self, record: Record) -> None:
        """Notes names and trace of a record of the image."""
        if record.image_id == self.image_id:
            self.traces.add(record.trace_id)
            values = (record.attributes.get(key) for key in PERSONAL_KEYS)
            self.names |= {v for v in values if isinstance(v, str) and len(v) >= _MIN_NAME}
            self.traces.discard("")

    def needles(self) -> list[bytes]:
        return [self.image_id[:_SHORT_ID].encode(), *(trace.encode() for trace in self.traces)]

    def scrub(self, record: R) -> R:
        """The record without what belongs to the image; itself when there is nothing."""
        own = record.image_id == self.image_id or (
            not record.image_id and record.trace_id in self.traces
        )
        clean = _cleaner(self.image_id, self.names if own else set(), personal=own)
        fields = {"message", "name", "error", "attributes"} & type(record).model_fields.keys()
        changes = {name: clean(getattr(record, name)) for name in fields}
        if isinstance(record, SpanLine):
            changes["events"] = [
                event.model_copy(update={"attributes": clean(event.attributes)})
                for event in record.events
            ]
        if record.image_id == self.image_id:
            changes["image_id"] = ""
        return record.model_copy(update=changes)


class Erased:
    """Images erased lately: what arrives late and was logged before is blanked, too.

    A line from the future counts as one from before: the clock was set back meanwhile.
    """

    def __init__(self) -> None:
        self._erased_at: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, image_id: str, now_ns: int) -> None:
        with self._lock:
            self._erased_at[image_id] = iso_time(now_ns)
            while len(self._erased_at) > MAX_REMEMBERED:
                del self._erased_at[next(iter(self._erased_at))]

    def scrub(self, record: R) -> R:
        erased_at = self._erased_at.get(record.image_id) if record.image_id else None
        if erased_at is None or erased_at < record.time <= iso_time(time.time_ns()):
            return record
        scrubber = Scrubber(record.image_id)
        scrubber.learn(record)
        return scrubber.scrub(record)


def erase(journal: Journal, image_id: str) -> int:
    """Blanks an image in every file; returns how many lines were changed."""
    journal.flush()
    scrubber = Scrubber(image_id)
    files = log_files(journal.folder)
    for file in files:
        for raw in lines_with_any(file.path, scrubber.needles()[:1]):
            record = _parse(raw, file.kind)
            if record is not None:
                scrubber.learn(record)
    changed = 0
    for file in files:
        if holds_any(file.path, scrubber.needles()):
            with journal.files_lock:
                journal.release_files()
                changed += _rewrite(file.path, file.kind, scrubber)
    return changed


def _rewrite(path: Path, kind: Kind, scrubber: Scrubber) -> int:
    needles = scrubber.needles()
    aside = path.with_name(path.name + ".tmp")
    changed = 0
    with path.open("rb") as source, aside.open("wb") as target:
        for raw in source:
            line = raw
            if any(needle in raw for needle in needles):
                line = _scrubbed(raw, kind, scrubber)
                changed += line != raw
            target.write(line)
        target.flush()
        os.fsync(target.fileno())
    if not changed:
        aside.unlink()
        return 0
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return changed


def _scrubbed(raw: bytes, kind: Kind, scrubber: Scrubber) -> bytes:
    """The line without the image, as long as before; blank when it cannot be read."""
    record = _parse(raw, kind)
    if record is not None:
        for attempt in (
            scrubber.scrub(record),
            scrubber.scrub(record.model_copy(update={"attributes": {}})),
        ):
            line = attempt.to_line()
            if len(line) <= len(raw):
                return line[:-1].ljust(len(raw) - 1) + b"\n"
    return b" " * (len(raw) - 1) + b"\n"


def _parse(raw: bytes, kind: Kind) -> LogLine | SpanLine | None:
    model: type[LogLine | SpanLine] = LogLine if kind is Kind.LOGS else SpanLine
    try:
        return model.model_validate_json(raw)
    except ValidationError:
        return None


def _cleaner(image_id: str, names: set[str], *, personal: bool) -> Callable[[Any], Any]:
    pattern = id_pattern(image_id)
    ordered: Sequence[str] = sorted(names, key=len, reverse=True)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for name in ordered:
                value = value.replace(name, ERASED)
            return pattern.sub(ERASED, value)
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {
                key: ERASED if personal and key in PERSONAL_KEYS else clean(item)
                for key, item in value.items()
            }
        return value

    return clean
