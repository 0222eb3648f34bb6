"""A power cut at every moment, without cutting the power.

What code asks of the file system is noted: names that come, go or change, and what is synced.
From the notes follows what a disk may hold after a cut:

- the content of a file is what was synced of it last; of one that never was, nothing;
- of the changes of names since their folder was synced, any may be there and any missing.

That is what POSIX promises and no more; most file systems lose less.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

Files = dict[str, bytes]
"""Contents by path, relative to the folder that was watched."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of a folder that changed at once; None: the name went."""

    folder: Path
    changes: tuple[tuple[Path, int | None], ...]


@dataclass(frozen=True, slots=True)
class _FileSynced:
    file: int
    content: bytes


@dataclass(frozen=True, slots=True)
class _FolderSynced:
    folder: Path


@dataclass(frozen=True, slots=True)
class _Told:
    """Somebody was told something: from here on it must hold."""

    what: str


@dataclass(frozen=True, slots=True)
class _Committed:
    """A state of a database, which sees to its own order; synced, it is not lost any more."""

    content: bytes
    is_synced: bool


@dataclass(frozen=True)
class Outcome:
    """What may be found after a cut: the files, and what had been told before it."""

    files: Files
    told: frozenset[str]

    def restore(self, folder: Path) -> None:
        """Writes the files into an empty folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@dataclass
class Disk:
    """The files below `root`, and every step that led to them.

    Attributes:
        database: path below `root` of a database; neither it nor its folder is watched.
        read_database: its last committed state.
        is_synced: whether the commit that led there has reached the disk.
    """

    root: Path
    database: str = ""
    read_database: Callable[[], bytes] | None = None
    is_synced: Callable[[], bool] = lambda: True
    _steps: list[_Names | _FileSynced | _FolderSynced | _Told | _Committed] = field(
        default_factory=list
    )
    _names: dict[Path, int] = field(default_factory=dict)
    _files: int = 0
    _begin: int = 0

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Notes everything; what is there already counts as synced."""
        for path, content in self._found().items():
            self._note_new(path)
            self._steps.append(_FileSynced(self._names[path], content))
            self._steps.append(_FolderSynced(path.parent))
        self.look_at_database()
        self._begin = len(self._steps)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "replace", "link", "unlink", "fsync"):
                patch.setattr(os, name, self._noting(name, getattr(os, name)))
            yield
        self.look_at_database()
        self._assert_nothing_was_missed()

    def tell(self, what: str) -> None:
        """Notes that from now on something is promised."""
        self.look_at_database()
        self._steps.append(_Told(what))

    def outcomes(self) -> Iterator[Outcome]:
        """Everything that may be found after a cut, whenever it comes; each once."""
        known: set[tuple[frozenset[tuple[str, bytes]], frozenset[str]]] = set()
        for end in range(self._begin, len(self._steps) + 1):
            for outcome in self._after(end):
                key = (frozenset(outcome.files.items()), outcome.told)
                if key not in known:
                    known.add(key)
                    yield outcome

    def _after(self, end: int) -> Iterator[Outcome]:
        steps = self._steps[:end]
        contents = {s.file: s.content for s in steps if isinstance(s, _FileSynced)}
        told = frozenset(s.what for s in steps if isinstance(s, _Told))
        commits = [s for s in steps if isinstance(s, _Committed)]
        safe = max((n for n, s in enumerate(commits) if s.is_synced), default=0)
        databases = [{self.database: s.content} for s in commits[safe:]] or [{}]
        synced = {s.folder: n for n, s in enumerate(steps) if isinstance(s, _FolderSynced)}
        changes = [(n, s) for n, s in enumerate(steps) if isinstance(s, _Names)]
        doubtful = [n for n, s in changes if n > synced.get(s.folder, -1)]
        for choice in product((True, False), repeat=len(doubtful)):
            lost = {n for n, is_there in zip(doubtful, choice, strict=True) if not is_there}
            names: dict[Path, int | None] = {}
            for number, step in changes:
                if number not in lost:
                    names.update(step.changes)
            files = {
                str(path.relative_to(self.root)): contents.get(file, b"")
                for path, file in names.items()
                if file is not None
            }
            yield from (Outcome(files | database, told) for database in databases)

    def _noting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        note = getattr(self, f"_note_{name}")

        def call(*arguments: Any, **options: Any) -> Any:
            self.look_at_database()
            answer = real(*arguments, **options)
            note(answer, *arguments)
            return answer

        return call

    def _note_open(self, _fd: int, path: Any, flags: int, *_: Any) -> None:
        if flags & os.O_CREAT and self._is_ours(path) and Path(path) not in self._names:
            self._note_new(Path(path))

    def _note_replace(self, _: None, source: Any, target: Any) -> None:
        if self._is_ours(target):
            file = self._names[Path(target)] = self._names.pop(Path(source))
            self._change(Path(target).parent, (Path(source), None), (Path(target), file))

    def _note_link(self, _: None, source: Any, target: Any) -> None:
        if self._is_ours(target):
            file = self._names[Path(target)] = self._names[Path(source)]
            self._change(Path(target).parent, (Path(target), file))

    def _note_unlink(self, _: None, path: Any) -> None:
        if self._is_ours(path):
            del self._names[Path(path)]
            self._change(Path(path).parent, (Path(path), None))

    def _note_fsync(self, _: None, fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            self._steps.append(_FolderSynced(path))
        elif path in self._names:
            self._steps.append(_FileSynced(self._names[path], path.read_bytes()))

    def _note_new(self, path: Path) -> None:
        self._files += 1
        self._names[path] = self._files
        self._change(path.parent, (path, self._files))

    def _change(self, folder: Path, *changes: tuple[Path, int | None]) -> None:
        self._steps.append(_Names(folder, changes))

    def look_at_database(self) -> None:
        """Notes what was committed; to be called before each transaction as well."""
        if self.read_database is None:
            return
        content = self.read_database()
        commits = [step for step in self._steps if isinstance(step, _Committed)]
        if not commits or commits[-1].content != content:
            self._steps.append(_Committed(content, self.is_synced()))

    def _assert_nothing_was_missed(self) -> None:
        assert set(self._names) == set(self._found()), "files changed without being noted"

    def _is_ours(self, path: Any) -> bool:
        ours = Path(path).is_relative_to(self.root)
        return ours and not (self.database and self._is_of_database(Path(path)))

    def _is_of_database(self, path: Path) -> bool:
        return path.is_relative_to((self.root / self.database).parent)

    def _found(self) -> dict[Path, bytes]:
        paths = [path for path in self.root.rglob("*") if path.is_file() and self._is_ours(path)]
        return {path: path.read_bytes() for path in paths}
