"""Files in a folder: written aside, synced, renamed."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from facepipe.files.store import FileInfo

PROBE_BYTES = 4096
# Why a file cannot have a second name, while it can be copied.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)


class FolderFiles:
    """Files below a folder. The folders in it are there, or asked for by `prepare`."""

    is_shared = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self, *folders: str) -> None:
        for folder in folders:
            make_folder(self._root / folder)

    def put(self, files: Mapping[str, bytes]) -> None:
        """Writes files.

        All that takes room is written before anything gets its name: a volume that fills up
        leaves none of them.
        """
        write_together({self._root / name: data for name, data in files.items()})

    def get(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def get_range(self, name: str, info: FileInfo, start: int, end: int) -> bytes:
        with (self._root / name).open("rb") as file:
            file.seek(start)
            return file.read(min(end, info.size) - start)

    def head(self, name: str) -> FileInfo | None:
        try:
            found = (self._root / name).stat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return FileInfo(found.st_size, modified, f'"{found.st_mtime_ns:x}-{found.st_size:x}"')

    def names(self, folder: str) -> Iterator[str]:
        with os.scandir(self._root / folder) as entries:
            for entry in entries:
                yield entry.name

    def changed_ns(self, folder: str) -> int | None:
        return (self._root / folder).stat().st_mtime_ns

    def copy(self, name: str, target: str) -> bool:
        """A hard link within one volume: nothing is copied."""
        source, kept = self._root / name, self._root / target
        if kept.exists():
            return True
        try:
            os.link(source, kept)
        except FileExistsError:
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with suppress(FileNotFoundError):
                write_durably(kept, source.read_bytes())
                return True
            return False
        _sync_folder(kept.parent)
        return True

    def delete(self, *names: str, for_good: bool = True) -> None:
        paths = [self._root / name for name in names]
        for path in paths:
            path.unlink(missing_ok=True)
        if paths and for_good:
            _sync_folder(paths[0].parent)

    def remove_asides(self, folder: str, older_than_s: float) -> int:
        """Should anybody take longer over a file, its renaming fails, and it is written again."""
        count = 0
        for aside in (self._root / folder).glob(".*.tmp"):
            with suppress(FileNotFoundError):
                # Either way: a clock that was set back leaves files from the future.
                if aside.is_file() and abs(time.time() - aside.stat().st_mtime) >= older_than_s:
                    aside.unlink()
                    count += 1
        return count

    def check(self) -> None:
        """A folder answers at once, whatever it says."""

    def problem(self, folder: str) -> str | None:
        return volume_problem(self._root / folder)

    def path(self, name: str) -> Path:
        return self._root / name

    def link(self, name: str) -> None:
        return None


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it; where a group may write above, it may write here.

    So whoever owns a bind mount on the host can clean up what a service made in it. The mode is
    given when the folder is made: to change it later would cost it its set-group-id bit.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    writable_by_group = path.parent.stat().st_mode & stat.S_IWGRP
    mask = os.umask(0o077)
    os.umask(mask & ~writable_by_group)
    try:
        path.mkdir(exist_ok=True)
    finally:
        os.umask(mask)


def write_durably(path: Path, data: bytes) -> None:
    """Writes aside, syncs, renames: after a crash `path` holds all of `data` or what it held.

    Raises:
        OSError: no room, no permission; `path` is untouched and nothing is left behind.
    """
    write_together({path: data})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Writes several files of one folder; they get their names in this order.

    Raises:
        OSError: no room, no permission; nothing is left behind.
    """
    asides: list[Path] = []
    try:
        for path, data in files.items():
            asides.append(_written_aside(path, data))
        for aside, path in zip(asides, files, strict=True):
            aside.replace(path)
    except BaseException:
        for aside in asides:
            aside.unlink(missing_ok=True)
        raise
    _sync_folder(next(iter(files)).parent)


def volume_problem(folder: Path) -> str | None:
    """Why nothing can be written into a folder; None when something can.

    Permissions do not tell of a volume that is full, so a few bytes are written. They have no
    name, where the file system can do that: whoever watches the folder sees no change.
    """
    try:
        with tempfile.TemporaryFile(prefix=".ready-", suffix=".tmp", dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror}"
    return None


def _written_aside(path: Path, data: bytes) -> Path:
    """A synced file beside `path`, to be renamed; on an error nothing is left behind."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:16]}-", suffix=".tmp", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
