"""A volume that is small enough to be filled, and may be made read-only."""

from __future__ import annotations

import os
import shlex
import subprocess
from contextlib import suppress
from pathlib import Path

FULL_BYTES = 2 * 2**20


class SmallVolume:
    """A small volume in a mount namespace of its own, which every user may have.

    A shell lives in the namespace and does there what it is told; everybody else reaches the
    volume through the root folder of that shell. It ends with the shell.
    """

    def __init__(self, folder: Path) -> None:
        flags = "-m" if os.geteuid() == 0 else "-Urm"
        self._shell = subprocess.Popen(
            ["unshare", flags, "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.folder = Path(f"/proc/{self._shell.pid}/root{folder}")
        self.mount("-t", "tmpfs", "-o", f"size={FULL_BYTES}", "tmpfs")

    def mount(self, *options: str) -> None:
        """Runs `mount` on the volume. Raises OSError, with what it said."""
        command = shlex.join(["mount", *options, self.folder.as_posix().partition("/root")[2]])
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with suppress(BrokenPipeError):  # the shell could not begin, and says why
            print(f"{command}; echo done $?", file=self._shell.stdin, flush=True)
        said: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("done "):
                if line != "done 0\n":
                    break
                return
            said.append(line.strip())
        raise OSError(" ".join(said))

    def end(self) -> None:
        self._shell.communicate()


def fill(path: Path) -> None:
    """Takes all the room that is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
