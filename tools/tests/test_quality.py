"""The steps of `make check` beside tests: what they find, and how they are summed up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.checks.audit import NOT_RUN
from tools.checks.quality import Step, run_steps
from tools.checks.secret_scan import secret_scan
from tools.setup.environments import dev

# In pieces, so that they are not found here.
AWS_KEY = "AKIA" + "Q4XZ7WEJ2KLMNPQR"
PLANTED = {
    "cloud.py": f'KEY = "{AWS_KEY}"',
    "login.yml": "password" + ": Zx81hUqLw92mTr",
    "id_rsa": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "address.py": 'URL = "redis://anna' + ':Zx81hUqLw92mTr@queue/0"',
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git work tree with one file and no secret."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "harmless.py").write_text('GREETING = "hello"\n')
    return tmp_path


def scan(tree: Path) -> subprocess.CompletedProcess[str]:
    command = secret_scan(str(dev().folder / "bin" / "detect-secrets-hook"), tree)
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", PLANTED)
def test_a_secret_in_the_work_tree_is_found_and_not_repeated(tree: Path, name: str) -> None:
    (tree / name).write_text(PLANTED[name] + "\n")

    done = scan(tree)

    assert done.returncode == 1
    assert f"{name}:1" in done.stdout
    assert "Zx81hUqLw92mTr" not in done.stdout
    assert AWS_KEY not in done.stdout


def test_no_secret_no_finding(tree: Path) -> None:
    (tree / "model.json").write_text(f'{{"sha256": "{"0123456789abcdef" * 4}"}}\n')
    (tree / ".gitignore").write_text("left_out.py\n")
    (tree / "left_out.py").write_text(PLANTED["cloud.py"])

    done = scan(tree)

    assert done.returncode == 0, done.stdout


def ends_with(code: int, cannot_run: str = "") -> Step:
    command = [sys.executable, "-c", f"raise SystemExit({code})"]
    return Step(f"ends with {code}", command, cannot_run=cannot_run)


def test_a_step_that_could_not_run_has_neither_passed_nor_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run_steps([ends_with(0), ends_with(NOT_RUN, "nobody to ask")])

    said = capsys.readouterr().out
    assert code == 0
    assert "not run: nobody to ask" in said
    assert "1 of 2 steps passed in" in said
    assert ", 1 not run" in said


def test_a_step_that_can_always_run_fails_with_any_code_but_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_steps([ends_with(0), ends_with(NOT_RUN)]) == 1
    assert f"FAILED ({NOT_RUN})" in capsys.readouterr().out
