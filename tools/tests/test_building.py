"""Which uv is used, and what makes `make setup` build an environment anew."""

from __future__ import annotations

import re
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.paths import LOCK
from tools.setup import environments, shares, uv
from tools.setup.environments import Environment, build, ultralytics
from tools.setup.shares import BuildError, Share
from tools.setup.uv import Uv, find_uv

# Notes how it was called; makes the interpreter that `uv venv` would make; fails on request.
_UV = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in
  --version) echo "uv {version}" ;;
  venv) for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/python" ;;
  pip) case "$*" in *broken*) echo "no such package"; exit 1 ;; esac ;;
esac
"""


class Workshop:
    """A folder with a fake uv, a lock and a package to build an environment from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.uv = Uv(str(self.place_uv(folder / "bin")))
        self.lock("1")
        (folder / "package").mkdir()
        (folder / "package" / "pyproject.toml").write_text("[project]")
        share = Share(frozenset({"one"}), (folder / "package",))
        self.environment = Environment("x", share, share)

    def lock(self, version: str) -> None:
        (self.folder / "requirements.lock").write_text(f"one=={version} \\\n    --hash=sha256:00\n")

    def place_uv(self, folder: Path, version: str = "0.99.0") -> Path:
        folder.mkdir(exist_ok=True)
        program = folder / "uv"
        program.write_text(_UV.format(log=self.log, version=version))
        program.chmod(0o755)
        return program

    def build(self, *, with_test_tools: bool = False) -> list[str]:
        """Builds; returns what uv was asked for."""
        self.log.unlink(missing_ok=True)
        build([self.environment], self.uv, sys.executable, with_test_tools=with_test_tools)
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setattr(environments, "VENVS", tmp_path / "venvs")
    monkeypatch.setattr(uv, "VENVS", tmp_path / "venvs")
    monkeypatch.setattr(shares, "LOCK", tmp_path / "requirements.lock")
    return Workshop(tmp_path)


def test_an_environment_is_built_once(workshop: Workshop) -> None:
    first, second = workshop.build(), workshop.build()

    assert [line.split()[0:2] for line in first] == [
        ["venv", "--quiet"],
        ["pip", "sync"],
        ["pip", "install"],
    ]
    assert "--require-hashes" in first[1]
    assert "--no-deps" in first[2]
    assert second == []


def test_a_build_that_takes_long_shows_that_it_goes_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = threading.Event()
    monkeypatch.setattr(environments, "_STILL_THERE_S", 0.01)
    monkeypatch.setattr(environments._Build, "run", lambda _: (str(shown.wait(20)), 1.0))
    looks = iter([10**9, 3 * 10**9])

    def used(_: object) -> SimpleNamespace:
        if (size := next(looks, None)) is None:
            shown.set()
        return SimpleNamespace(used=size or 3 * 10**9)

    monkeypatch.setattr(shutil, "disk_usage", used)

    workshop.build()

    assert "  1 to go: 2000 MB after 0 s" in capsys.readouterr().out.splitlines()


def test_another_lock_builds_it_anew(workshop: Workshop) -> None:
    workshop.build()
    workshop.lock("2")

    assert len(workshop.build()) == 3


def test_test_tools_come_on_top_and_once(workshop: Workshop) -> None:
    workshop.build()

    added = workshop.build(with_test_tools=True)

    assert len(added) == 1
    assert "--require-hashes" in added[0]
    assert workshop.build(with_test_tools=True) == workshop.build() == []


def test_a_failed_build_says_what_uv_said_and_is_tried_again(workshop: Workshop) -> None:
    workshop.environment = replace(workshop.environment, name="broken")

    for _ in range(2):
        with pytest.raises(BuildError, match="no such package"):
            workshop.build()


def test_the_uv_on_path_is_used(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{workshop.folder / 'bin'}:/usr/bin:/bin")

    assert find_uv(sys.executable).path == workshop.uv.path


def test_an_old_uv_is_left_alone_for_one_of_our_own(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.place_uv(workshop.folder / "bin", "0.4.30")
    (workshop.folder / "venvs" / "uv").mkdir(parents=True)
    own = workshop.place_uv(workshop.folder / "venvs" / "uv" / "bin")
    monkeypatch.setenv("PATH", f"{workshop.folder / 'bin'}:/usr/bin:/bin")

    assert find_uv(sys.executable).path == str(own)


def test_without_the_venv_module_the_package_is_named(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = workshop.folder / "python"
    python.write_text("#!/bin/sh\necho 'ensurepip is not available'; exit 1\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    with pytest.raises(BuildError, match="sudo apt install python3-venv"):
        find_uv(str(python))


def test_an_index_takes_the_place_of_the_locked_pytorch() -> None:
    # Given the environment with Ultralytics, as it is locked
    locked = ultralytics()
    assert {"torch", "torchvision"} <= locked.share.names
    # When an index with PyTorch for CPUs is named
    other = ultralytics("http://index.invalid/cpu")
    # Then PyTorch comes from there, in the locked version, and the rest as before
    assert other.share.names == locked.share.names - {"torch", "torchvision"}
    assert "\ntorch==" not in other.share.text()
    assert other.unlocked[:2] == ("--index-url", "http://index.invalid/cpu")
    pinned = re.findall(r"^torch(?:vision)?==[^ ]+", LOCK.read_text(), re.MULTILINE)
    assert list(other.unlocked[2:]) == pinned
