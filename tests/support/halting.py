"""Services that do nothing for a while, and do not know it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tools.stack_driver.local_stack import LocalStack


@contextmanager
def halted(stack: LocalStack, services: Sequence[str]) -> Iterator[None]:
    """The processes of these services do nothing meanwhile."""
    mains = [stack.main_process(name) for name in services]
    processes = [one for main in mains for one in (main, *main.children(recursive=True))]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
