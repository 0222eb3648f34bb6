"""uv, which builds the environments: the one on PATH, else one of our own in .venvs/uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.paths import ROOT, VENVS
from tools.setup.shares import BuildError, of_group

OLDEST = (0, 9)
_NO_VENV = (
    "Python's venv module is incomplete on this machine. Install the package that has it\n"
    "(Debian, Ubuntu: sudo apt install python3-venv), or put uv on PATH, and try again."
)


@dataclass(frozen=True, slots=True)
class Uv:
    """Runs uv with settings that do not depend on the machine's."""

    path: str

    def run(self, arguments: Sequence[str], *, stdin: str | None = None) -> str:
        """What uv printed.

        Raises:
            BuildError: uv failed; with the end of what it said.
        """
        environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        environment.pop("VIRTUAL_ENV", None)
        answer = subprocess.run(
            [self.path, *arguments],
            cwd=ROOT,
            env=environment,
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if answer.returncode != 0:
            end = "\n".join(answer.stdout.strip().splitlines()[-25:])
            raise BuildError(f"uv {' '.join(arguments)}\n{end}")
        return answer.stdout


def find_uv(python: str) -> Uv:
    """The uv on PATH if it is recent enough, else the pinned one, installed on first use.

    Raises:
        BuildError: there is no uv and none could be installed; the message says what to install.
    """
    on_path = shutil.which("uv")
    if on_path is not None and _version(on_path) >= OLDEST:
        return Uv(on_path)
    own = VENVS / "uv" / "bin" / "uv"
    if not own.exists():
        _install(python, own.parent.parent)
    return Uv(str(own))


def _version(uv: str) -> tuple[int, ...]:
    answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False)
    numbers = re.match(r"uv (\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)


def _install(python: str, folder: Path) -> None:
    print("uv is not on PATH: installing it into .venvs/uv", flush=True)
    made = subprocess.run(
        [python, "-m", "venv", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(_NO_VENV)
    lock = folder / "requirements.txt"
    lock.write_text(of_group("uv").text())
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
    command = [str(folder / "bin" / "python"), *install]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(f"uv could not be installed:\n{installed.stderr.strip()[-2000:]}")
