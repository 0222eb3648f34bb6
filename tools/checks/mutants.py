"""`make mutants`: changes the code in small ways and looks whether the unit tests notice.

mutmut works on copies of a package and of its tests, in a folder of its own, so that nothing here
is touched; it is installed beside the development environment, not into it. What survives is
printed by name: `make mutants ARGS=landmark_service` for one package. It takes some minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.paths import ROOT, VENVS
from tools.setup.environments import dev
from tools.setup.uv import Uv, find_uv
from tools.supported import python311

_MUTMUT = "mutmut==3.8.1"
_SITE = VENVS / "mutmut"
_START = "import sys; sys.argv[0] = 'mutmut'; from mutmut.__main__ import cli; cli()"


@dataclass(frozen=True, slots=True)
class Subject:
    """Modules whose mutants are tried, and the tests that shall notice.

    Attributes:
        folder: of the package, with `src` and `tests`.
        package: its name.
        modules: files of the package.
        tests: files of `tests`.
    """

    folder: str
    package: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


SUBJECTS = (
    Subject("shared", "facepipe", ("domain/geometry.py",), ("test_geometry.py",)),
    Subject(
        "services/landmark_service",
        "landmark_service",
        ("nms.py", "yolo_output.py"),
        ("test_nms.py", "test_yolo_output.py"),
    ),
    Subject(
        "services/data_storage_service",
        "data_storage_service",
        ("merge.py", "retention.py"),
        ("test_merge.py", "test_retention.py", "test_time.py"),
    ),
    Subject(
        "services/agegender_service",
        "agegender_service",
        ("estimate.py",),
        ("test_estimate.py",),
    ),
    Subject(
        "services/input_service",
        "input_service",
        ("access/keyring.py", "access/policy.py", "access/rates.py"),
        ("test_access.py",),
    ),
)


def try_mutants(subject: Subject) -> int:
    """Runs mutmut on one subject and prints what survived; its exit code."""
    with tempfile.TemporaryDirectory(prefix="facepipe-mutants-") as name:
        folder = Path(name)
        _copy(subject, folder)
        # mutmut itself puts its copies in front of these.
        environment = os.environ | {"PYTHONPATH": f"{_SITE}{os.pathsep}{ROOT}"}
        mutmut = [str(dev().python), "-c", _START]
        ran = subprocess.run([*mutmut, "run"], cwd=folder, env=environment, check=False)
        subprocess.run([*mutmut, "results"], cwd=folder, env=environment, check=False)
    return ran.returncode


def _copy(subject: Subject, folder: Path) -> None:
    source = ROOT / subject.folder
    package = Path("src") / subject.package
    shutil.copytree(source / package, folder / package)
    shutil.copytree(source / "tests", folder / "unit")
    shutil.copy(ROOT / "conftest.py", folder / "conftest.py")
    settings = {
        "source_paths": ["src"],
        "only_mutate": [str(package / module) for module in subject.modules],
        "also_copy": ["unit", "conftest.py"],
        "pytest_add_cli_args": ["-q", "-pno:cacheprovider", "--import-mode=importlib"],
        "pytest_add_cli_args_test_selection": [f"unit/{test}" for test in subject.tests],
    }
    lines = ["[mutmut]", "use_git_change_detection = false"]
    for key, values in settings.items():
        lines += [f"{key} =", *(f"    {value}" for value in values)]
    (folder / "setup.cfg").write_text("\n".join([*lines, ""]))


def _install(uv: Uv) -> None:
    if (_SITE / "mutmut").exists():
        return
    uv.run(["pip", "install", "--python", str(dev().python), "--target", str(_SITE), _MUTMUT])
    for folder in (*_SITE.glob("pytest*"), _SITE / "_pytest", *_SITE.glob("pluggy*")):
        shutil.rmtree(folder, ignore_errors=True)  # those of the development environment


def main(arguments: Sequence[str]) -> int:
    unknown = set(arguments) - {subject.package for subject in SUBJECTS}
    if unknown:
        print(f"no such package: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    _install(find_uv(python311()))
    chosen = [one for one in SUBJECTS if not arguments or one.package in arguments]
    codes: list[int] = []
    for subject in chosen:
        print(f"\n=== {subject.package}: {', '.join(subject.modules)}", flush=True)
        codes.append(try_mutants(subject))
    return max(codes)


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main(sys.argv[1:]))
