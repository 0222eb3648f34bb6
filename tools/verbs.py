"""The verbs that work before, or beside, a running stack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from tools.checks import quality
from tools.paths import MODELS, ROOT
from tools.setup.environments import (
    Environment,
    accuracy,
    build,
    dev,
    services,
    stack_runner,
    training,
    ultralytics,
)
from tools.setup.generate import generate, generate_stubs
from tools.setup.images import print_image_sizes
from tools.setup.locks import compile_lock
from tools.setup.shares import BuildError
from tools.setup.tidy import clean
from tools.setup.uv import Uv, find_uv
from tools.supported import UnsupportedError, python311

_LONG_RUNS = {
    "chaos": "tools.chaos",
    "mutations": "tools.chaos.mutations",
    "waiting": "benchmarks.waiting",
    "soak": "benchmarks.soak",
}


def run(arguments: Sequence[str]) -> int:
    """Runs one verb; the exit code."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb not in _VERBS:
        print(f"usage: python3 -m tools {{{'|'.join(_VERBS)}}}", file=sys.stderr)
        return 2
    try:
        return _VERBS[verb](rest)
    except (BuildError, UnsupportedError) as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _setup(_: Sequence[str]) -> int:
    python, uv = _tools()
    build([stack_runner(), *services()], uv, python)
    return 0


def _stop(_: Sequence[str]) -> int:
    if not stack_runner().python.exists():
        print("nothing was started from here")
        return 0
    return subprocess.run(
        [str(stack_runner().python), "-m", "tools.stack", "stop"], cwd=ROOT, check=False
    ).returncode


def _test(_: Sequence[str]) -> int:
    _all_environments()
    return quality.run_steps(quality.test_steps())


def _check(_: Sequence[str]) -> int:
    _all_environments()
    steps = [*quality.lint_steps(), *quality.type_steps(), *quality.audit_steps()]
    return quality.run_steps([*steps, *quality.test_steps()])


def _lint(_: Sequence[str]) -> int:
    _dev_environment()
    return quality.run_steps(quality.lint_steps())


def _types(_: Sequence[str]) -> int:
    _dev_environment()
    return quality.run_steps(quality.type_steps())


def _audit(_: Sequence[str]) -> int:
    return _in_dev("tools.checks.audit")


def _sbom(_: Sequence[str]) -> int:
    return _in_dev("tools.checks.sbom")


def _format(_: Sequence[str]) -> int:
    _dev_environment()
    ruff = str(dev().folder / "bin" / "ruff")
    subprocess.run([ruff, "check", "--no-cache", "--fix", "--quiet", "."], cwd=ROOT, check=False)
    formatted = subprocess.run([ruff, "format", "--no-cache", "."], cwd=ROOT, check=False)
    generate(dev())
    return formatted.returncode


def _proto(_: Sequence[str]) -> int:
    _dev_environment()
    generate_stubs(dev())
    return 0


def _lock(_: Sequence[str]) -> int:
    _, uv = _tools()
    compile_lock(uv)
    return 0


def _bench(arguments: Sequence[str]) -> int:
    _dev_environment()
    command = [str(dev().python), "-m", "benchmarks.throughput", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _mutants(arguments: Sequence[str]) -> int:
    _dev_environment()
    command = [str(dev().python), "-m", "tools.checks.mutants", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _screenshots(arguments: Sequence[str]) -> int:
    _dev_environment()
    command = [str(dev().python), "-m", "tools.screenshots", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _chaos(arguments: Sequence[str]) -> int:
    """All of the long runs, or those that are named."""
    _dev_environment()
    codes: list[int] = []
    for name in arguments or _LONG_RUNS:
        print(f"\n=== {name}", flush=True)
        command = [str(dev().python), "-m", _LONG_RUNS[name]]
        codes.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
    return max(codes, key=abs)


def _accuracy(arguments: Sequence[str]) -> int:
    return _in_models(accuracy(), "models.accuracy", arguments)


def _train(arguments: Sequence[str]) -> int:
    return _in_models(training(), "models.training", arguments)


def _detector_pt(_: Sequence[str]) -> int:
    """The detector as Ultralytics loads it, made of the plain arrays that are committed."""
    python, uv = _tools()
    build([training()], uv, python)
    target = ROOT / "run" / "face_detector.pt"
    target.parent.mkdir(exist_ok=True)
    program = MODELS / "face_detector" / "export.py"
    command = [str(training().python), str(program), "--pt", str(target)]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code == 0:
        print(f"{target.relative_to(ROOT)} is there: ultralytics.YOLO loads it")
    return code


def _in_models(environment: Environment, module: str, arguments: Sequence[str]) -> int:
    python, uv = _tools()
    build([environment], uv, python)
    command = [str(environment.python), "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _clean(arguments: Sequence[str]) -> int:
    code = _stop(arguments)
    clean()
    return code


def _in_dev(module: str) -> int:
    _dev_environment()
    return subprocess.run([str(dev().python), "-m", module], cwd=ROOT, check=False).returncode


def _tools() -> tuple[str, Uv]:
    python = python311()
    return python, find_uv(python)


def _dev_environment() -> None:
    python, uv = _tools()
    build([dev()], uv, python)


def _all_environments() -> None:
    python, uv = _tools()
    environments = [dev(), stack_runner(), *services()]
    live = ultralytics(os.environ.get("FACEPIPE_TORCH_INDEX", ""))
    if os.environ.get("CI") or live.python.exists():
        environments.append(live)
    build(environments, uv, python, with_test_tools=True)


_VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "setup": _setup,
    "stop": _stop,
    "test": _test,
    "check": _check,
    "lint": _lint,
    "types": _types,
    "audit": _audit,
    "sbom": _sbom,
    "format": _format,
    "proto": _proto,
    "lock": _lock,
    "bench": _bench,
    "screenshots": _screenshots,
    "chaos": _chaos,
    "mutants": _mutants,
    "accuracy": _accuracy,
    "train": _train,
    "detector-pt": _detector_pt,
    "image-sizes": lambda _: print_image_sizes(),
    "clean": _clean,
}
