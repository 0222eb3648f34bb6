"""Writing: a bounded buffer in memory, appended to files together.

`add` answers at once. Lines are written every `flush_ms` and fsynced every `fsync_s`: a
killed process loses at most the first span of time, a power failure at most the second. While
the disk cannot be written the buffer fills up and then refuses, so that senders keep their
records and try again. A torn line left by a crash is closed off when its file is next opened.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from prometheus_client import Counter, Gauge

from facepipe.files.store.folder import make_folder, volume_problem
from logger_service.files import LogFile, latest_part
from logger_service.records import Kind, LogLine, SpanLine
from logger_service.retention import remove_old_files
from logger_service.settings import LogsSettings

RETENTION_EVERY_S = 600.0
RETRY_S = 2.0
MAX_OPEN_FILES = 8

WRITTEN = Counter("logger_written_total", "Lines and spans written to disk", ["kind"])
REFUSED = Counter("logger_refused_total", "Lines and spans refused because the buffer was full")
BUFFERED = Gauge("logger_buffered_bytes", "Bytes waiting to be written")
_log = logging.getLogger(__name__)
_Target = tuple[Kind, str]  # kind and day


class Journal:
    """Appends records to the files of their days, rotates and removes old files."""

    def __init__(self, folder: Path, settings: LogsSettings) -> None:
        self.folder = folder
        self.failure: str | None = None
        # Held while files are appended to; whoever replaces a file holds it as well.
        self.files_lock = threading.RLock()
        self._settings = settings
        self._buffer: list[tuple[_Target, bytes]] = []
        self._buffered = 0
        self._buffer_lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._open: dict[_Target, tuple[LogFile, BinaryIO]] = {}
        self._unsynced: set[_Target] = set()
        self._synced_at = time.monotonic()
        make_folder(folder)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def problem(self) -> str | None:
        """A check of `/readyz`: why what comes is not kept."""
        if not self._thread.is_alive():
            return "nothing is written any more: restart the service, its output says why"
        return self.failure or volume_problem(self.folder)

    def add(self, kind: Kind, records: Sequence[LogLine | SpanLine]) -> bool:
        """Takes records in; False, and none taken, when the buffer is full."""
        lines = [((kind, record.day), record.to_line()) for record in records]
        size = sum(len(line) for _, line in lines)
        with self._buffer_lock:
            if self._buffered and self._buffered + size > self._settings.buffer_mb * 2**20:
                REFUSED.inc(len(lines))
                return False
            self._buffer.extend(lines)
            self._buffered += size
            BUFFERED.set(self._buffered)
        self._wake.set()
        return True

    def flush(self) -> None:
        """Writes what has been added, so that a reader sees it; does not wait long."""
        if self._buffered and self.files_lock.acquire(timeout=1):
            try:
                self._write_out()
            finally:
                self.files_lock.release()

    def close(self) -> None:
        """Writes what is left and closes the files."""
        self._closing.set()
        self._wake.set()
        self._thread.join(5)

    def release_files(self) -> None:
        """Closes the open files; call with `files_lock` held, before a file is replaced."""
        for target in list(self._open):
            self._close_file(target)

    def _run(self) -> None:
        cleaned_at = float("-inf")
        while not self._closing.is_set():
            self._wake.wait(1.0)
            self._wake.clear()
            self._closing.wait(self._settings.flush_ms / 1000)
            with self.files_lock:
                self._write_out()
                if time.monotonic() - self._synced_at >= self._settings.fsync_s:
                    self._sync()
            if time.monotonic() - cleaned_at >= RETENTION_EVERY_S:
                cleaned_at = time.monotonic()
                self._clean()
            if self.failure is not None:
                self._closing.wait(RETRY_S)
        with self.files_lock:
            self._write_out()
            self.release_files()

    def _write_out(self) -> None:
        with self._buffer_lock:
            taken, self._buffer = self._buffer, []
        groups: dict[_Target, list[bytes]] = defaultdict(list)
        for target, line in taken:
            groups[target].append(line)
        for target in list(groups):
            try:
                self._append(target, b"".join(groups[target]))
            except OSError as error:
                self._keep(groups, error)
                return
            written = groups.pop(target)
            WRITTEN.labels(target[0]).inc(len(written))
            with self._buffer_lock:
                self._buffered -= sum(map(len, written))
                BUFFERED.set(self._buffered)
        if taken and self.failure is not None:
            self.failure = None
            _log.info("log files can be written again")

    def _keep(self, groups: dict[_Target, list[bytes]], error: OSError) -> None:
        kept = [(target, line) for target, lines in groups.items() for line in lines]
        with self._buffer_lock:
            self._buffer[:0] = kept
        if self.failure is None:
            _log.error("log files cannot be written, trying again: %s", error)
        self.failure = f"log files cannot be written: {error}"

    def _append(self, target: _Target, data: bytes) -> None:
        _, file = self._file_for(target)
        before = file.tell()
        try:
            _write_all(file, data)
        except OSError:
            self._close_file(target)
            os.truncate(self._path_of(target), before)  # no torn line in the middle of a file
            raise
        self._unsynced.add(target)
        if self._settings.fsync_s == 0:
            self._sync()

    def _path_of(self, target: _Target) -> Path:
        return latest_part(self.folder, *target).path

    def _file_for(self, target: _Target) -> tuple[LogFile, BinaryIO]:
        known = self._open.get(target)
        if known is not None and known[1].tell() < self._settings.max_file_mb * 2**20:
            return known
        if known is not None:
            self._close_file(target)
        while len(self._open) >= MAX_OPEN_FILES:
            self._close_file(next(iter(self._open)))
        part = latest_part(self.folder, *target)
        if part.size >= self._settings.max_file_mb * 2**20:
            part = part.next_part()
        make_folder(self.folder)
        torn = _ends_torn(part.path)
        file = part.path.open("ab", buffering=0)
        if torn:
            file.write(b"\n")
        self._open[target] = (part, file)
        return part, file

    def _close_file(self, target: _Target) -> None:
        _, file = self._open.pop(target)
        if target in self._unsynced:
            self._unsynced.discard(target)
            _sync(file)
        file.close()

    def _sync(self) -> None:
        self._synced_at = time.monotonic()
        for target in list(self._unsynced):
            self._unsynced.discard(target)
            _sync(self._open[target][1])

    def _clean(self) -> None:
        try:
            with self.files_lock:
                removed = remove_old_files(self.folder, self._settings)
                if removed:
                    self.release_files()
        except OSError as error:
            _log.warning("old log files could not be removed: %s", error)
        else:
            if removed:
                _log.info("old log files removed", extra={"files": len(removed)})


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sync(file: BinaryIO) -> None:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        _log.warning("log file could not be synced: %s", error)


def _ends_torn(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False
