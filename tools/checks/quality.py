"""Lint, types and tests as a list of steps that ends with a summary."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.checks.audit import NOT_RUN
from tools.checks.secret_scan import secret_scan
from tools.paths import CLIENT, ROOT, SHARED
from tools.setup.environments import Environment, dev, services, ultralytics

_TRAINED = ("age_gender", "face_detector")
_NOTHING_COLLECTED = 5  # pytest's exit code


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a check. It has passed when it exits with 0.

    Attributes:
        cannot_run: why the command could not do its work when it exits with NOT_RUN; "" for one
            that always can.
    """

    title: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    cannot_run: str = ""

    def run(self) -> Outcome:
        print(f"\n=== {self.title}", flush=True)
        start = time.monotonic()
        answer = subprocess.run(
            list(self.command), cwd=ROOT, env=os.environ | self.environment, check=False
        )
        reason = self.cannot_run if answer.returncode == NOT_RUN else ""
        return Outcome(self.title, answer.returncode, time.monotonic() - start, reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    title: str
    exit_code: int
    seconds: float
    not_run: str = ""

    @property
    def has_failed(self) -> bool:
        return self.exit_code != 0 and not self.not_run

    @property
    def verdict(self) -> str:
        if self.not_run:
            return f"not run: {self.not_run}"
        return f"FAILED ({self.exit_code})" if self.has_failed else "passed"


def lint_steps() -> list[Step]:
    # import-linter reads the packages where they stand.
    sources = [SHARED / "src", CLIENT / "src", *(s.source / "src" for s in services()), ROOT]
    path = os.pathsep.join(str(source) for source in sources)
    return [
        Step("ruff", [_tool("ruff"), "check", "--no-cache", "."]),
        Step("ruff format", [_tool("ruff"), "format", "--no-cache", "--check", "."]),
        Step("hadolint", [_tool("hadolint"), "Dockerfile"]),
        Step("secret scan", secret_scan(_tool("detect-secrets-hook"), ROOT)),
        Step("import rules", [_tool("lint-imports"), "--no-cache"], {"PYTHONPATH": path}),
    ]


def audit_steps() -> list[Step]:
    command = [str(dev().python), "-m", "tools.checks.audit"]
    return [Step("audit", command, cannot_run="advisory database unreachable")]


def type_steps() -> list[Step]:
    folders = ["shared", "clients", "examples", "tools", "tests", "benchmarks", "conftest.py"]
    folders += ["models/accuracy", "models/evaluation_sets", "models/training", "models/places.py"]
    folders += [str(s.source.relative_to(ROOT)) for s in services()]
    there = [folder for folder in folders if (ROOT / folder).exists()]
    steps = [Step("mypy --strict", [_tool("mypy"), *there])]
    return steps + [_types_of_programs(f"models/{name}") for name in _TRAINED]


def _types_of_programs(folder: str) -> Step:
    """Programs that import each other by bare names. PyTorch is not there: what is of it is Any."""
    allowed = ["--allow-subclassing-any", "--allow-untyped-decorators", "--no-warn-unused-ignores"]
    command = [_tool("mypy"), "--cache-dir", f".mypy_cache/{folder}", *allowed, folder]
    return Step(f"mypy --strict: {folder}", command, {"MYPYPATH": folder})


def test_steps() -> list[Step]:
    """Unit tests in the environment of their service; what crosses services in `dev`."""
    everything = dev()
    steps = [_pytest("facepipe", everything, "shared/tests")]
    steps += [_pytest(s.name, s, f"{s.source.relative_to(ROOT)}/tests") for s in services()]
    steps += [_pytest("facepipe_client", everything, "clients/python/tests")]
    steps += [_pytest("tools", everything, "tools/tests")]
    steps += [_pytest(f"models/{n}", everything, f"models/{n}/tests") for n in _TRAINED]
    live = ultralytics()
    there = live if live.python.exists() else everything  # in CI it is
    steps += [_pytest("ultralytics", there, "services/landmark_service/tests_ultralytics")]
    steps += [_pytest(layer, everything, f"tests/{layer}") for layer in ("contract", "integration")]
    # One stack each, of which both folders have something to tell.
    return [*steps, _stack_tests("native", "e2e"), _stack_tests("compose", "compose")]


def run_steps(steps: Sequence[Step]) -> int:
    """Runs all steps, also after one has failed; prints a summary. 1 when one failed."""
    outcomes = [step.run() for step in steps]
    print("\n=== summary", flush=True)
    for outcome in outcomes:
        print(f"  {outcome.title:32} {outcome.seconds:7.1f} s  {outcome.verdict}")
    passed = sum(o.exit_code == 0 for o in outcomes)
    not_run = sum(bool(o.not_run) for o in outcomes)
    total = sum(o.seconds for o in outcomes)
    print(
        f"{passed} of {len(outcomes)} steps passed in {total:.0f} s"
        + (f", {not_run} not run" if not_run else "")
    )
    return 1 if any(o.has_failed for o in outcomes) else 0


def _stack_tests(stack: str, own: str) -> Step:
    """The acceptance suite on a stack, and what that stack alone can do."""
    folders = ("tests/acceptance", f"tests/{own}")
    step = _pytest(f"acceptance, {own}", dev(), *folders)
    return replace(step, environment={"FACEPIPE_ACCEPTANCE_STACK": stack})


def _pytest(title: str, environment: Environment, *folders: str) -> Step:
    command = [str(environment.python), "-m", "pytest", "-p", "no:cacheprovider", "-q", *folders]
    return Step(f"tests: {title}", command)


def _tool(name: str) -> str:
    return str(Path(dev().folder) / "bin" / name)
