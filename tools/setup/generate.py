"""Files that are generated and committed: stubs, the result's JSON Schema, `.env.example`."""

from __future__ import annotations

import subprocess

from tools.paths import ROOT
from tools.setup.environments import Environment
from tools.setup.shares import BuildError


def generate(environment: Environment) -> None:
    """Brings every generated file up to date."""
    _run(environment, "all")


def generate_stubs(environment: Environment) -> None:
    _run(environment, "stubs")


def _run(environment: Environment, what: str) -> None:
    command = [str(environment.python), "-m", "tools.generate", what]
    answer = subprocess.run(command, cwd=ROOT, check=False)
    if answer.returncode != 0:
        raise BuildError("generated files could not be written, see above")
