"""Files on disk: days, parts, torn lines, a full disk, retention."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logger_service import files as log_files_module
from logger_service import journal as journal_module
from logger_service.files import LogFile, lines_backwards, lines_with_any, log_files
from logger_service.journal import Journal
from logger_service.queries import LogQuery, search
from logger_service.records import Kind, Level, LogLine, time_text
from logger_service.retention import remove_old_files
from logger_service.settings import LogsSettings

NOW = datetime.now(UTC)


def line(message: str, moment: datetime = NOW, **values: str) -> LogLine:
    return LogLine(
        time=time_text(moment), service="s", level=Level.INFO, severity=9, message=message, **values
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, LogsSettings(flush_ms=5, fsync_s=0))
    yield journal
    journal.close()


def messages(folder: Path) -> list[str]:
    return [found.message for found in search(folder, LogQuery(), 1000, "", 5).lines]


def failure_of(journal: Journal) -> str:
    return journal.failure or ""


def test_line_is_filed_under_its_own_day(journal: Journal) -> None:
    # when
    journal.add(Kind.LOGS, [line("today"), line("yesterday", NOW - timedelta(days=1))])
    journal.flush()
    # then
    names = [file.path.name for file in log_files(journal.folder)]
    assert names == [
        f"logs-{NOW - timedelta(days=1):%Y-%m-%d}.jsonl",
        f"logs-{NOW:%Y-%m-%d}.jsonl",
    ]
    assert messages(journal.folder) == ["today", "yesterday"]


def test_large_file_is_continued_in_a_next_part(tmp_path: Path) -> None:
    # given
    journal = Journal(tmp_path, LogsSettings(flush_ms=5, max_file_mb=1))
    # when
    for number in range(30):
        journal.add(Kind.LOGS, [line(f"{number:03d}" + "x" * 100_000)])
        journal.flush()
    journal.close()
    # then
    assert [file.part for file in log_files(tmp_path)] == [0, 1, 2]
    assert [text[:3] for text in messages(tmp_path)] == [f"{n:03d}" for n in reversed(range(30))]


def test_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    # given
    path = LogFile(f"{NOW:%Y-%m-%d}", 0, Kind.LOGS, tmp_path).path
    path.write_bytes(line("whole").to_line() + line("torn").to_line()[:40])
    assert messages(tmp_path) == ["whole"]
    # when
    journal = Journal(tmp_path, LogsSettings(flush_ms=5))
    journal.add(Kind.LOGS, [line("next")])
    journal.close()
    # then
    assert sorted(messages(tmp_path)) == ["next", "whole"]


def test_full_disk_keeps_lines_until_the_buffer_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    full = threading.Event()
    full.set()
    write_all = journal_module._write_all

    def write(file: object, data: bytes) -> None:
        if full.is_set():
            write_all(file, data[: len(data) // 2])  # type: ignore[arg-type] # passed through
            raise OSError(28, "No space left on device")
        write_all(file, data)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(journal_module, "_write_all", write)
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    journal = Journal(tmp_path, LogsSettings(flush_ms=5, buffer_mb=1))
    # when
    assert journal.add(Kind.LOGS, [line("kept" + "x" * 700_000)])
    time.sleep(0.3)
    # then
    assert "No space left" in failure_of(journal)
    assert not journal.add(Kind.LOGS, [line("refused" + "x" * 700_000)])
    # when there is room again
    full.clear()
    time.sleep(0.3)
    journal.close()
    # then
    assert failure_of(journal) == ""
    assert [text[:4] for text in messages(tmp_path)] == ["kept"]


def test_a_journal_that_has_ended_is_not_ready(journal: Journal) -> None:
    assert journal.problem() is None
    journal.close()
    assert "nothing is written" in (journal.problem() or "")


def test_old_days_and_then_the_largest_total_are_removed(tmp_path: Path) -> None:
    # given
    for days in (40, 3, 2, 0):
        day = f"{NOW - timedelta(days=days):%Y-%m-%d}"
        LogFile(day, 0, Kind.LOGS, tmp_path).path.write_bytes(b"x" * 600_000)
    # when
    removed = remove_old_files(tmp_path, LogsSettings(retention_days=14, max_total_mb=1))
    # then: one is too old, two more are above one megabyte
    assert len(removed) == 3
    assert [file.day for file in log_files(tmp_path)] == [f"{NOW:%Y-%m-%d}"]


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_lines_are_found_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    # given
    monkeypatch.setattr(log_files_module, "BLOCK_BYTES", block)
    path = tmp_path / "file"
    lines = [f"{number} {'needle' if number % 3 else 'hay'}\n".encode() for number in range(50)]
    path.write_bytes(b"".join(lines) + b"torn needle")
    # when
    backwards = [
        (at, raw) for at, raw in lines_backwards(path, path.stat().st_size, [b"needle"]) if raw
    ]
    # then
    wanted = [raw for raw in lines if b"needle" in raw]
    assert [raw for _, raw in backwards] == wanted[::-1]
    assert list(lines_with_any(path, [b"needle", b"hay"])) == lines
    data = path.read_bytes()
    assert all(data[at : at + len(raw)] == raw for at, raw in backwards)


def test_search_ends_in_time_with_a_cursor(tmp_path: Path) -> None:
    # given
    path = LogFile(f"{NOW:%Y-%m-%d}", 0, Kind.LOGS, tmp_path).path
    path.write_bytes(b"".join(line(f"hay {n}").to_line() for n in range(20_000)))
    # when
    page = search(tmp_path, LogQuery(image_id="needle"), 10, "", 0.0)
    # then
    assert page.lines == []
    assert page.next_cursor
    assert search(tmp_path, LogQuery(text="hay 3"), 10, page.next_cursor, 5).lines
