"""One virtual environment a service, from its hashed requirements.txt.

An environment carries a stamp: the hash of all that went into it. Where the stamp is the same,
nothing is done, so that a second `make setup` takes a moment.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tools.paths import CLIENT, MODELS, ROOT, SHARED, VENVS
from tools.setup.uv import BuildError, Uv

# Raise it when the way of building changes, so that old environments are built anew.
_RECIPE = "1"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: what is locked for it, and our own packages in it, editable.

    Attributes:
        unlocked: arguments of `uv pip install` for what comes from elsewhere, without hashes.
        compiled: whether all of it is compiled to bytecode beforehand, or each module when used.
    """

    name: str
    locks: tuple[Path, ...]
    packages: tuple[Path, ...] = ()
    test_lock: Path | None = None
    unlocked: tuple[str, ...] = ()
    compiled: bool = True

    @property
    def folder(self) -> Path:
        return VENVS / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


TOOLS = Environment(
    "tools",
    (ROOT / "tools" / "requirements.txt", ROOT / "tools" / "requirements-photo.txt"),
    (SHARED, CLIENT),
)

# To measure the models (`make accuracy`), and to train them. Neither is part of the union.
ACCURACY = Environment(
    "models",
    (MODELS / "requirements.txt",),
    (SHARED, ROOT / "services" / "landmark_service"),
)
TRAINING = Environment("training", (MODELS / "requirements-train.txt",), (SHARED,))


# The services that talk to the input API.
_CLIENTS = ("gradio_viewer",)
_LANDMARK = ROOT / "services" / "landmark_service"
_PYTORCH = re.compile(r"^(?:torch|torchvision)==[^\s;\\]+", re.MULTILINE)


def ultralytics(torch_index: str = "") -> Environment:
    """landmark_service with Ultralytics and PyTorch, for what reads a `.pt` file: 6 GB.

    Args:
        torch_index: address of an index that has PyTorch's builds for CPUs; "" for the locked
            one with CUDA.
    """
    locks = [_LANDMARK / "requirements-ultralytics.txt"]
    torch, unlocked = _LANDMARK / "requirements-torch.txt", ()
    if torch_index:
        unlocked = ("--index-url", torch_index, *_PYTORCH.findall(torch.read_text()))
    else:
        locks.append(torch)
    return Environment(
        "landmark_ultralytics",
        tuple(locks),
        (SHARED, _LANDMARK),
        SHARED / "requirements-test.txt",
        unlocked,
        compiled=False,
    )


def service_folders() -> list[Path]:
    """The folders of all services: those with requirements and a package."""
    folders = [*sorted((ROOT / "services").glob("*")), ROOT / "gradio_viewer"]
    needed = ("requirements.in", "pyproject.toml")
    return [f for f in folders if all((f / name).exists() for name in needed)]


def services() -> list[Environment]:
    return [_service(folder) for folder in service_folders()]


def dev() -> Environment:
    """Everything in one environment, for linting, type checking and tests across services."""
    packages = (SHARED, CLIENT, *service_folders())
    return Environment("dev", (ROOT / "tests" / "requirements.txt",), packages)


def _service(folder: Path) -> Environment:
    own, common = folder / "requirements-test.txt", SHARED / "requirements-test.txt"
    return Environment(
        folder.name,
        (folder / "requirements.txt",),
        (SHARED, folder, *([CLIENT] if folder.name in _CLIENTS else [])),
        own if own.exists() else common,
    )


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
        for done in as_completed([pool.submit(b.run) for b in due]):
            try:
                name, seconds = done.result()
                print(f"  {name:24} {seconds:5.1f} s", flush=True)
            except BuildError as error:
                failures.append(str(error))
    if failures:
        raise BuildError("\n\n".join(failures))


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
        lock = self.environment.test_lock
        if not self.with_test_tools or lock is None:
            return True
        return _read(self._test_stamp) == _hash_of([lock])

    def _install(self) -> None:
        e = self.environment
        self._stamp.unlink(missing_ok=True)
        self._test_stamp.unlink(missing_ok=True)
        self.uv.run(["venv", "--quiet", "--allow-existing", "--python", self.python, str(e.folder)])
        options = self._options()
        self.uv.run(["pip", "sync", *options, "--require-hashes", *map(str, e.locks)])
        if e.unlocked:
            self.uv.run(["pip", "install", *options, "--no-deps", *e.unlocked])
        editable = [part for package in e.packages for part in ("-e", str(package))]
        self.uv.run(["pip", "install", *options, "--no-deps", *editable])
        self._stamp.write_text(self._digest())

    def _install_test_tools(self) -> None:
        e = self.environment
        options = [*self._options(), "--no-deps"]
        self.uv.run(["pip", "install", *options, "--require-hashes", "-r", str(e.test_lock)])
        self._test_stamp.write_text(_hash_of([Path(str(e.test_lock))]))

    def _options(self) -> list[str]:
        compiled = ["--compile-bytecode"] if self.environment.compiled else []
        return ["--python", str(self.environment.python), *compiled]

    def _digest(self) -> str:
        e = self.environment
        parts = [*e.locks, *(package / "pyproject.toml" for package in e.packages)]
        return _hash_of(parts, _RECIPE, str(ROOT), self.python, *e.unlocked)

    @property
    def _stamp(self) -> Path:
        return self.environment.folder / ".facepipe-stamp"

    @property
    def _test_stamp(self) -> Path:
        return self.environment.folder / ".facepipe-test-stamp"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _hash_of(files: Iterable[Path], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
