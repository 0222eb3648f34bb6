"""The files of the log: their names, their order, and reading them without parsing everything.

    logs-2026-11-22.jsonl       first part of a day
    logs-2026-11-22.1.jsonl     its continuation, when the first grew too large
    spans-2026-11-22.jsonl

A line stands in the file of the day of its own `time`, in the order of arrival. A file is
never renamed and lines keep their offsets, so `(day, part, offset)` is a lasting position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from logger_service.records import Kind

BLOCK_BYTES = 1 << 20
_NAME = re.compile(r"^(logs|spans)-(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?\.jsonl$")


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """A part of a day; sorts from oldest to newest."""

    day: str
    part: int
    kind: Kind
    folder: Path

    @property
    def path(self) -> Path:
        part = f".{self.part}" if self.part else ""
        return self.folder / f"{self.kind}-{self.day}{part}.jsonl"

    @property
    def size(self) -> int:
        """Bytes; 0 when the file is not there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def next_part(self) -> LogFile:
        return LogFile(self.day, self.part + 1, self.kind, self.folder)


def log_files(folder: Path, kind: Kind | None = None) -> list[LogFile]:
    """The files that are there, oldest first; of one kind, or of both."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.match(path.name)
        if match and (kind is None or match[1] == kind):
            found.append(LogFile(match[2], int(match[3] or 0), Kind(match[1]), folder))
    return sorted(found)


def latest_part(folder: Path, kind: Kind, day: str) -> LogFile:
    """The part of a day that is written to; part 0 when the day has no file yet."""
    parts = [file for file in log_files(folder, kind) if file.day == day]
    return parts[-1] if parts else LogFile(day, 0, kind, folder)


def lines_backwards(
    path: Path, end: int, needles: Sequence[bytes] = ()
) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets, last first, that end before `end` and hold all `needles`.

    Blocks without the needles are passed over without being split into lines. A torn last
    line is left out. After each block `(offset, b"")` is yielded, so that the caller can look
    at the clock in a long stretch without a match.
    """
    for start, block in _blocks_backwards(path, end):
        if all(needle in block for needle in needles):
            offset = start + len(block)
            for line in reversed(block.splitlines(keepends=True)):
                offset -= len(line)
                if line.endswith(b"\n") and all(needle in line for needle in needles):
                    yield offset, line
        yield start, b""


def lines_with_any(path: Path, needles: Sequence[bytes]) -> Iterator[bytes]:
    """Whole lines that hold at least one of `needles`, first to last."""
    for block in _blocks_forwards(path):
        starts = set()
        for needle in needles:
            at = block.find(needle)
            while at >= 0:
                starts.add(block.rfind(b"\n", 0, at) + 1)
                line_end = block.find(b"\n", at)
                at = block.find(needle, line_end)
        for start in sorted(starts):
            yield block[start : block.index(b"\n", start) + 1]


def holds_any(path: Path, needles: Sequence[bytes]) -> bool:
    """Whether a whole line of the file holds one of `needles`."""
    return any(needle in block for block in _blocks_forwards(path) for needle in needles)


def _blocks_backwards(path: Path, end: int) -> Iterator[tuple[int, bytes]]:
    """Blocks that begin at a line's start, the last first, with their offsets."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = min(end, path.stat().st_size)
        rest = b""
        while position > 0:
            start = max(0, position - BLOCK_BYTES)
            file.seek(start)
            block = file.read(position - start) + rest
            position = start
            cut = block.find(b"\n") + 1 if start else 0
            if start and not cut:
                rest = block
                continue
            rest, block = block[:cut], block[cut:]
            yield start + cut, block


def _blocks_forwards(path: Path) -> Iterator[bytes]:
    """Blocks of whole lines, first to last; a torn last line is left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        rest = b""
        while data := file.read(BLOCK_BYTES):
            block = rest + data
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            if cut:
                yield block[:cut]
