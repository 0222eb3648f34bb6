from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.supported import UnsupportedError, check_processor, python311


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_linux_on_x86_64_is_supported(machine: str) -> None:
    check_processor(machine, "Linux")


@pytest.mark.parametrize(("machine", "system"), [("aarch64", "Linux"), ("arm64", "Darwin")])
def test_other_machines_are_told_of_docker(machine: str, system: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{system} on {machine}") as refused:
        check_processor(machine, system)

    assert "docker compose up --build" in str(refused.value)


def test_the_python_of_an_environment_is_the_one_it_was_made_from() -> None:
    assert Path(python311()).resolve() == Path(sys.executable).resolve()


def test_a_chosen_python_of_another_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "python3.13"
    other.write_text("#!/bin/sh\necho python3.13 /usr/bin/python3.13\n")
    other.chmod(0o755)
    monkeypatch.setenv("FACEPIPE_PYTHON", str(other))

    with pytest.raises(UnsupportedError, match=r"is not a Python 3\.11"):
        python311()


def test_without_any_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FACEPIPE_PYTHON", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))

    with pytest.raises(UnsupportedError, match="docker compose up --build"):
        python311()
