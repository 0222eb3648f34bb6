"""`make lock`: compiles every requirements.txt from its requirements.in.

The development environment is the union of all services, so it is resolved first and the
others are held to its answer: one version of a package in the whole house. Versions that are
locked already stay, unless UPGRADE=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.paths import CONSTRAINTS, MODELS, ROOT, SHARED
from tools.setup.environments import service_folders
from tools.setup.uv import Uv

_TARGET = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
_FORM = ["--generate-hashes", "--no-emit-index-url", "--no-annotate"]
_FORM += ["--custom-compile-command", "make lock"]
UNION = ROOT / "tests" / "requirements.txt"


@dataclass(frozen=True, slots=True)
class Lock:
    """One requirements.txt and what it is compiled with."""

    source: Path
    overrides: tuple[Path, ...] = ()
    constraints: tuple[Path, ...] = (CONSTRAINTS, UNION)
    options: tuple[str, ...] = ()

    @property
    def output(self) -> Path:
        return self.source.with_suffix(".txt")

    def arguments(self) -> list[str]:
        folder = self.source.parent
        files: list[str] = []
        for option, paths in (("-c", self.constraints), ("--override", self.overrides)):
            for path in paths:
                files += [option, os.path.relpath(path, folder)]
        upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
        output = ["-o", self.output.name]
        options = [*_FORM, *_TARGET, *self.options, *upgrade, *files]
        return ["pip", "compile", "--quiet", *options, self.source.name, *output]


def locks() -> Iterator[Lock]:
    """Every lock of the repository, the union first."""
    folders = service_folders()
    all_overrides = tuple(path for f in folders for path in _overrides(f))
    yield Lock(ROOT / "tests" / "requirements.in", all_overrides, (CONSTRAINTS,))
    yield Lock(ROOT / "tools" / "requirements.in")
    yield Lock(ROOT / "tools" / "requirements-photo.in", options=("--no-deps",))
    yield Lock(ROOT / "tools" / "requirements-uv.in")
    yield Lock(SHARED / "requirements-test.in")
    landmark = ROOT / "services" / "landmark_service"
    yield Lock(MODELS / "requirements.in", (*_overrides(landmark), *_overrides(MODELS)))
    yield Lock(MODELS / "requirements-train.in", _overrides(MODELS, "overrides-train"))
    for folder in folders:
        for source in sorted(folder.glob("requirements*.in")):
            yield Lock(source, _overrides(folder, source.stem.replace("requirements", "overrides")))


def compile_locks(uv: Uv) -> None:
    for lock in locks():
        uv.run(lock.arguments(), cwd=lock.source.parent)
        print(f"  {lock.output.relative_to(ROOT)}", flush=True)


def _overrides(folder: Path, own: str = "overrides") -> tuple[Path, ...]:
    """The overrides of one lock (`overrides-gpu.txt`), else those of the service, else none."""
    for name in (own, "overrides"):
        if (path := folder / f"{name}.txt").exists():
            return (path,)
    return ()
