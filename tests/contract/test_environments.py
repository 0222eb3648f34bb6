"""What each service's own environment must hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from facepipe.queue.job_table import FUNCTIONS
from tests.support.missing import missing
from tools.paths import LOCK, ROOT
from tools.setup.environments import Environment, services
from tools.setup.shares import canonical, declared, of_package

_IMPORT_STUBS = "import facepipe.v1.face_store_pb2, facepipe.v1.face_store_pb2_grpc"
_VARIANTS = [
    (ROOT / "services" / service, extra)
    for service, extras in (
        ("landmark_service", ("cpu", "gpu", "ultralytics")),
        ("agegender_service", ("cpu", "gpu")),
    )
    for extra in extras
]


@pytest.mark.parametrize("environment", services(), ids=lambda e: e.name)
def test_the_stubs_import(environment: Environment) -> None:
    _python(environment, _IMPORT_STUBS)


@pytest.mark.parametrize("path", FUNCTIONS.values())
def test_the_function_of_a_queue_is_where_its_owner_has_it(path: str) -> None:
    module, _, function = path.rpartition(".")
    package = module.partition(".")[0]
    owner = next(e for e in services() if e.name == package)

    _python(owner, f"import {module}; assert callable({module}.{function})")


def test_the_lock_holds_what_is_declared_with_hashes_and_no_address() -> None:
    text = LOCK.read_text()
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if "==" in block]

    names = {canonical(re.split(r"[^\w.-]", line)[0]) for line in declared()}
    assert names <= {canonical(block.partition("==")[0]) for block in blocks}
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


@pytest.mark.parametrize(("folder", "extra"), _VARIANTS)
def test_no_share_has_two_packages_that_overwrite_each_other(folder: Path, extra: str) -> None:
    names = re.findall(r"^([\w.-]+)==", of_package(folder, [extra]).text(), re.MULTILINE)

    assert len([name for name in names if name.startswith("opencv")]) == 1
    assert len([name for name in names if name in ("onnxruntime", "onnxruntime-gpu")]) == 1


def _python(environment: Environment, program: str) -> None:
    if not environment.python.exists():
        missing(f"the environment of {environment.name} is missing: make setup")
    command = [str(environment.python), "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
