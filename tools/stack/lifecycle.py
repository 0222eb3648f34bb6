"""`make start` and `make stop`."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.readiness import wait_until_ready
from tools.stack.supervision import launch
from tools.stack.supervision import stop as stop_processes
from tools.stack.ultralytics import build_environment, runs_ultralytics


def start(stack: Stack) -> None:
    """Brings the stack up if it is down, and waits until everything can work."""
    with _alone(stack):
        if runs_ultralytics(stack):
            build_environment(stack)
        launched = launch(stack)
        if launched:
            what = "the stages" if stack.is_worker else "Redis and the services"
            print(f"starting {what}", flush=True)
        seconds = wait_until_ready(stack)
    print(f"all ready after {seconds:.1f} s" if launched else "the stack is running")
    for service in stack.services:
        if service.public:
            print(f"  {service.name:16} {stack.address(service)}")


def stop(stack: Stack) -> None:
    """Ends every process that was started from here, and nothing else."""
    with _alone(stack):
        count = stop_processes(stack)
    print(f"stopped ({count} processes)" if count else "nothing was running")


@contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """One start or stop at a time."""
    stack.run.mkdir(parents=True, exist_ok=True)
    with (stack.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError("another `make start` or `make stop` is at work here") from error
        yield
