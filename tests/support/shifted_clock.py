"""A wall clock that a test may set, for processes that it starts.

Linux can give a process its own monotonic clock, but not its own wall clock, so a small library
is compiled and preloaded (`clock_shim.c`).
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.missing import missing

_SOURCE = Path(__file__).with_name("clock_shim.c")
_DOUBLE = struct.Struct("=d")


class ShiftedClock:
    """The wall clock of all processes that run with `environment`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            missing("no C compiler: the clock of a process cannot be set")
        self._file = folder / "shift"
        self.set(0)
        library = folder / "clock_shim.so"
        subprocess.run(
            [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, _SOURCE],
            check=True,
        )
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIM": str(self._file)}

    def set(self, seconds: float) -> None:
        """From now on the clock is so many seconds ahead of the true time, or behind it."""
        if self._file.exists():
            with self._file.open("r+b") as file:  # it is mapped: the same file, in one write
                file.write(_DOUBLE.pack(seconds))
        else:
            self._file.write_bytes(_DOUBLE.pack(seconds))

    @contextmanager
    def for_children(self) -> Iterator[None]:
        """What is started in this block lives by this clock."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield
