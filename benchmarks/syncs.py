"""How often a stack asks the disk to have written, counted by strace from outside."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.stack_driver.local_stack import LocalStack

_ATTACHED_S = 1.0
# "% time, seconds, usecs/call, calls, [errors], syscall".
_CALLS = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$", re.MULTILINE)


def syncs_during(stack: LocalStack, work: Callable[[], object]) -> int | None:
    """Calls of fsync and fdatasync by all processes of the stack, Redis too, while `work` runs.

    None where there is no strace, or where it may not look.
    """
    strace = shutil.which("strace")
    if strace is None:
        return None
    with tempfile.TemporaryDirectory(prefix="facepipe-syncs-") as name:
        told = Path(name) / "calls"
        chosen = ["-f", "-q", "-c", "-e", "trace=fsync,fdatasync", "-o", str(told)]
        whom = [argument for process in stack.processes() for argument in ("-p", str(process.pid))]
        watching = subprocess.Popen(
            [strace, *chosen, *whom], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(_ATTACHED_S)
            if watching.poll() is not None:
                return None
            work()
        finally:
            watching.send_signal(signal.SIGINT)  # it tells its counts and lets go
            watching.wait()
        return counted(told.read_text())


def counted(table: str) -> int:
    """The calls of both kinds in the table of `strace -c`."""
    return sum(int(calls) for calls in _CALLS.findall(table))
