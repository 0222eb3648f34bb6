"""One virtual environment a service, from its share of the lock.

An environment carries a stamp: the hash of all that went into it. Where the stamp is the same,
nothing is done, so that a second `make setup` takes a moment.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.paths import LOCK, ROOT, VENVS, VIEWER
from tools.setup.shares import (
    NOTHING,
    BuildError,
    Share,
    member_folders,
    of_group,
    of_package,
)
from tools.setup.uv import Uv

# Raise it when the way of building changes, so that old environments are built anew.
_RECIPE = "2"
_STILL_THERE_S = 15.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: its share of the lock, and our own packages in it, editable.

    Attributes:
        tests: what its tests need beside that.
        unlocked: arguments of `uv pip install` for what comes from elsewhere, without hashes.
        compiled: whether all of it is compiled to bytecode beforehand, or each module when used.
    """

    name: str
    share: Share
    tests: Share = NOTHING
    unlocked: tuple[str, ...] = ()
    compiled: bool = True

    @property
    def folder(self) -> Path:
        return VENVS / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def source(self) -> Path:
        """The folder of the package that it is made for."""
        return self.share.folders[-1]


_LANDMARK = ROOT / "services" / "landmark_service"
_PYTORCH = re.compile(r"^(?:torch|torchvision)==[^\s;\\]+", re.MULTILINE)


def stack_runner() -> Environment:
    """What runs the stack on one machine."""
    return Environment("tools", of_group("tools"))


def accuracy() -> Environment:
    """What measures the models. Like the one that trains them, it is no part of the union."""
    return Environment("models", of_group("accuracy"))


def training() -> Environment:
    return Environment("training", of_group("training"))


def ultralytics(torch_index: str = "") -> Environment:
    """landmark_service with Ultralytics and PyTorch, for what reads a `.pt` file: 6 GB.

    Args:
        torch_index: address of an index that has PyTorch's builds for CPUs; "" for the locked
            one with CUDA.
    """
    unlocked: tuple[str, ...] = ()
    extras = ["ultralytics"]
    if torch_index:
        unlocked = ("--index-url", torch_index, *_PYTORCH.findall(LOCK.read_text()))
    else:
        extras.append("torch")
    share = of_package(_LANDMARK, extras)
    tests = of_group("test")
    return Environment("landmark_ultralytics", share, tests, unlocked, compiled=False)


def service_folders() -> list[Path]:
    """The folders of all services."""
    return [*sorted(f.parent for f in ROOT.glob("services/*/pyproject.toml")), VIEWER]


def services() -> list[Environment]:
    return [_service(folder) for folder in service_folders()]


def dev() -> Environment:
    """Everything in one environment, for linting, type checking and tests across services."""
    shares = [of_package(folder) for folder in member_folders()]
    return Environment("dev", functools.reduce(operator.or_, shares, of_group("dev")))


def _service(folder: Path) -> Environment:
    tests = of_group("test") | of_group("test", folder)
    return Environment(folder.name, of_package(folder), tests)


def build(
    environments: Sequence[Environment], uv: Uv, python: str, *, with_test_tools: bool = False
) -> None:
    """Builds what is missing or out of date, side by side.

    Raises:
        BuildError: an environment could not be built; the others were.
    """
    builds = [_Build(e, uv, python, with_test_tools) for e in environments]
    due = [b for b in builds if b.is_due()]
    if not due:
        return
    names = ", ".join(b.environment.name for b in due)
    print(f"building {len(due)} environments in .venvs: {names}", flush=True)
    failures: list[str] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        for done in _as_they_end([pool.submit(b.run) for b in due]):
            try:
                name, seconds = done.result()
                print(f"  {name:24} {seconds:5.1f} s", flush=True)
            except BuildError as error:
                failures.append(str(error))
    if failures:
        raise BuildError("\n\n".join(failures))


def _as_they_end(builds: Iterable[Future[T]]) -> Iterator[Future[T]]:
    """Builds as they end; on a slow line it shows from time to time that they go on."""
    start, used = time.monotonic(), shutil.disk_usage(ROOT).used
    going_on = set(builds)
    while going_on:
        ended, going_on = wait(going_on, _STILL_THERE_S, FIRST_COMPLETED)
        yield from ended
        if not ended:
            written_mb = max(0, shutil.disk_usage(ROOT).used - used) // 10**6
            seconds = time.monotonic() - start
            print(f"  {len(going_on)} to go: {written_mb} MB after {seconds:.0f} s", flush=True)


@dataclass(frozen=True, slots=True)
class _Build:
    environment: Environment
    uv: Uv
    python: str
    with_test_tools: bool

    def is_due(self) -> bool:
        return not self._is_built() or not self._has_test_tools()

    def run(self) -> tuple[str, float]:
        start = time.monotonic()
        if not self._is_built():
            self._install()
        if not self._has_test_tools():
            self._install_test_tools()
        return self.environment.name, time.monotonic() - start

    def _is_built(self) -> bool:
        return self.environment.python.exists() and _read(self._stamp) == self._digest()

    def _has_test_tools(self) -> bool:
        if not self.with_test_tools or not self.environment.tests.names:
            return True
        return _read(self._test_stamp) == _hash_of(self.environment.tests.text())

    def _install(self) -> None:
        e = self.environment
        self._stamp.unlink(missing_ok=True)
        self._test_stamp.unlink(missing_ok=True)
        self.uv.run(["venv", "--quiet", "--allow-existing", "--python", self.python, str(e.folder)])
        options = self._options()
        self.uv.run(["pip", "sync", *options, "--require-hashes", self._written(e.share)])
        if e.unlocked:
            self.uv.run(["pip", "install", *options, "--no-deps", *e.unlocked])
        editable = [part for folder in e.share.folders for part in ("-e", str(folder))]
        self.uv.run(["pip", "install", *options, "--no-deps", *editable])
        self._stamp.write_text(self._digest())

    def _install_test_tools(self) -> None:
        tests = self.environment.tests
        options = [*self._options(), "--no-deps", "--require-hashes"]
        self.uv.run(["pip", "install", *options, "-r", self._written(tests)])
        self._test_stamp.write_text(_hash_of(tests.text()))

    def _written(self, share: Share) -> str:
        path = self.environment.folder / "requirements.txt"
        path.write_text(share.text())
        return str(path)

    def _options(self) -> list[str]:
        compiled = ["--compile-bytecode"] if self.environment.compiled else []
        return ["--python", str(self.environment.python), *compiled]

    def _digest(self) -> str:
        e = self.environment
        projects = [(folder / "pyproject.toml").read_text() for folder in e.share.folders]
        return _hash_of(_RECIPE, str(ROOT), self.python, *e.unlocked, e.share.text(), *projects)

    @property
    def _stamp(self) -> Path:
        return self.environment.folder / ".facepipe-stamp"

    @property
    def _test_stamp(self) -> Path:
        return self.environment.folder / ".facepipe-test-stamp"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _hash_of(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
