from __future__ import annotations

from dataclasses import replace

import pytest

from tools.paths import ROOT, VENVS
from tools.setup.environments import Environment
from tools.setup.shares import BuildError
from tools.stack import ultralytics
from tools.stack.configuration import LocalSettings, Stack, TorchSettings
from tools.stack.errors import StackError
from tools.stack.services import SERVICES
from tools.stack.supervisor_config import render


@pytest.fixture
def stack() -> Stack:
    return Stack(
        LocalSettings(), ROOT / "run", {"FACEPIPE_WATCH_DIR": "/photos"}, starts_redis=True
    )


@pytest.fixture
def asked(stack: Stack) -> Stack:
    more = {"FACEPIPE_DETECTOR_RUNTIME": "ultralytics"}
    return replace(stack, environment=stack.environment | more)


def test_each_service_runs_in_the_environment_of_its_name(stack: Stack) -> None:
    config = render(stack, [])

    for service in SERVICES:
        assert f"{VENVS}/{service.name}/bin/python -m {service.name}" in config


def test_the_setting_lets_the_landmark_service_alone_run_with_ultralytics(
    stack: Stack, asked: Stack
) -> None:
    with_it = f"{VENVS}/landmark_ultralytics/bin/python -m landmark_service"

    config = render(asked, [])

    assert config.replace(with_it, f"{VENVS}/landmark_service/bin/python -m landmark_service") == (
        render(stack, [])
    )


def test_its_environment_is_built_with_the_index_that_is_set(
    asked: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[Environment] = []
    monkeypatch.setattr(ultralytics, "build", lambda some, *_: built.extend(some))
    index = TorchSettings(index="http://index.invalid/cpu")
    settings = asked.settings.model_copy(update={"torch": index})

    python = ultralytics.build_environment(replace(asked, settings=settings))

    assert python == VENVS / "landmark_ultralytics" / "bin" / "python"
    assert "http://index.invalid/cpu" in built[0].unlocked


def test_an_environment_that_cannot_be_built_is_told(
    asked: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BuildError("no room on the disk")

    monkeypatch.setattr(ultralytics, "build", fail)
    with pytest.raises(StackError, match="no room on the disk"):
        ultralytics.build_environment(asked)
