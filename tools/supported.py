"""Which machines can run the services without Docker, and the Python to run them with.

This module and `__main__` are read by whatever Python a machine has, so they keep to what
Python 3.8 understands.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import Iterator, Optional

WANTED = (3, 11)

DOCKER_WAY = (
    "Docker runs the pipeline anywhere: `docker compose up --build` needs neither this\n"
    "processor nor this Python."
)


class UnsupportedError(Exception):
    """This machine cannot run the services without Docker; the message says why."""


def check_processor(machine: str = "", system: str = "") -> None:
    """Raises UnsupportedError unless this is Linux with glibc on an x86-64 processor."""
    machine = machine or platform.machine()
    system = system or platform.system()
    if system != "Linux" or machine.lower() not in ("x86_64", "amd64"):
        raise UnsupportedError(
            f"MediaPipe has packages for Linux on x86-64 only; this is {system} on {machine}.\n"
            + DOCKER_WAY
        )


def python311(uv: Optional[str] = None) -> str:
    """Path of a Python 3.11: FACEPIPE_PYTHON, this one, python3.11, python3, or one of uv's."""
    chosen = os.environ.get("FACEPIPE_PYTHON")
    if chosen:
        found = _is_wanted(chosen)
        if found is None:
            raise UnsupportedError(f"FACEPIPE_PYTHON={chosen} is not a Python 3.11.")
        return found
    for candidate in _candidates(uv):
        found = _is_wanted(candidate)
        if found is not None:
            return found
    raise UnsupportedError(
        f"The services need Python 3.11, and none was found (this is {platform.python_version()}):"
        "\nMediaPipe 0.10.21, with the models it carries, has no packages for newer ones.\n"
        "Install python3.11 (Debian 12: sudo apt install python3 python3-venv), or name one:\n"
        "    make setup FACEPIPE_PYTHON=/path/to/python3.11\n" + DOCKER_WAY
    )


def _candidates(uv: Optional[str]) -> Iterator[str]:
    yield sys.executable
    yield "python3.11"
    yield "python3"
    uv = uv or shutil.which("uv")
    if uv:
        command = [uv, "python", "find", "--no-python-downloads", "3.11"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield answer.stdout.strip()


def _is_wanted(command: str) -> Optional[str]:
    """The interpreter behind a command if it is a 3.11, else None.

    A command may be there and still not work (a shim of pyenv for a version that is not
    chosen), so it is run, and tells where it really is. Inside a virtual environment, that is
    the Python the environment was made from.
    """
    program = (
        "import os, sys; v = 'python%d.%d' % sys.version_info[:2]; "
        "b = os.path.join(sys.base_prefix, 'bin', v); "
        "print(v, b if os.path.exists(b) else sys.executable)"
    )
    try:
        answer = subprocess.run(
            [command, "-c", program], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, path = answer.stdout.strip().partition(" ")
    return path if version == "python%d.%d" % WANTED else None
