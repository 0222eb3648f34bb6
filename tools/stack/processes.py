"""The processes of the stack, found by the mark that each of them carries."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from tools.stack.configuration import MARK


def marked(run: Path) -> list[psutil.Process]:
    """Every process that the stack of a run folder started, directly or not.

    The mark is in the environment, so it is inherited, survives the death of a parent, and a
    process id that was given to a stranger meanwhile does not have it.
    """
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(run):
                found.append(process)
    return [p for p in found if _is_alive(p)]


def command_of(process: psutil.Process) -> list[str]:
    """What a process was started with; nothing once it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def supervisord(run: Path) -> psutil.Process | None:
    """The supervisor of a run folder, if it runs."""
    pid_file = run / "supervisord.pid"
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(pid_file.read_text()))
        if process.environ().get(MARK) == str(run) and _is_alive(process):
            return process
    return None


def end(processes: list[psutil.Process], patience_s: float = 10) -> None:
    """Asks the processes to end, waits, and kills those that have not."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
