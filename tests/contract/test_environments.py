"""What each service's own environment must hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from facepipe.queue.job_table import FUNCTIONS
from tests.support.missing import missing
from tools.paths import SHARED
from tools.setup.environments import Environment, services
from tools.setup.locks import Lock, locks

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_IMPORT_STUBS = "import facepipe.v1.face_store_pb2, facepipe.v1.face_store_pb2_grpc"


@pytest.mark.parametrize("environment", services(), ids=lambda e: e.name)
def test_the_stubs_import(environment: Environment) -> None:
    _python(environment, _IMPORT_STUBS)


@pytest.mark.parametrize("path", FUNCTIONS.values())
def test_the_function_of_a_queue_is_where_its_owner_has_it(path: str) -> None:
    module, _, function = path.rpartition(".")
    package = module.partition(".")[0]
    owner = next(e for e in services() if e.name == package)

    _python(owner, f"import {module}; assert callable({module}.{function})")


def test_facepipe_declares_what_is_locked_for_it() -> None:
    project = tomllib.loads((SHARED / "pyproject.toml").read_text())["project"]

    assert _names(project["dependencies"]) == _required(SHARED / "requirements.in")
    imaging = project["optional-dependencies"]["imaging"]
    assert _names(imaging) == _required(SHARED / "requirements-imaging.in")


@pytest.mark.parametrize("lock", list(locks()), ids=lambda lock: str(lock.output.parent.name))
def test_a_lock_holds_what_is_required_with_hashes_and_no_address(lock: Lock) -> None:
    source, output = lock.source, lock.output
    text = output.read_text()
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if "==" in block]

    assert _required(source) <= {_canonical(block.partition("==")[0]) for block in blocks}
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def _python(environment: Environment, program: str) -> None:
    if not environment.python.exists():
        missing(f"the environment of {environment.name} is missing: make setup")
    command = [str(environment.python), "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def _required(path: Path) -> set[str]:
    """The names in a requirements.in and in those that it includes."""
    names: set[str] = set()
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            names |= _required((path.parent / line[3:].strip()).resolve())
        elif _NAME.match(line):
            names |= _names([line])
    return names


def _names(requirements: list[str]) -> set[str]:
    return {_canonical(m[0]) for line in requirements if (m := _NAME.match(line))}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
