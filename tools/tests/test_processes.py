"""What is told of the processes of a stack while they come and go."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

from tools.stack.processes import command_of


def test_a_process_that_has_ended_has_no_command() -> None:
    # Given a child that has ended and that nobody has waited for: a zombie
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        assert command_of(process)[1:] == ["-c", "input()"]
        child.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)

        # Then it has none, and none when it is gone
        assert command_of(process) == []
    assert command_of(process) == []
