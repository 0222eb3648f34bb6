"""What the compose files let a user's model.pt, which can run code, come near."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.compose_stack import ComposeStack, engine_problem
from tests.support.missing import missing


@pytest.fixture
def files(tmp_path: Path) -> ComposeStack:
    """The shipped files in a folder of their own with a secret in its .env, not started."""
    if problem := engine_problem():
        missing(problem)
    (tmp_path / ".env").write_text("FACEPIPE_REDIS_PASSWORD=secret\n")
    return ComposeStack.prepare(tmp_path)


def services(files: ComposeStack, *options: str) -> dict[str, Any]:
    config = json.loads(files.compose(*options, "config", "--format", "json"))
    found: dict[str, Any] = config["services"]
    return found


def test_the_import_sees_its_folder_and_nothing_else(files: ComposeStack) -> None:
    found = services(files, "--profile", "models")["import-model"]

    assert found["network_mode"] == "none"
    assert "networks" not in found
    assert [mount["target"] for mount in found["volumes"]] == ["/volumes/models"]
    assert found["environment"] == {"FACEPIPE_VOLUMES_ROOT": "/volumes"}
    assert found["read_only"]
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["command"] == ["python", "-m", "landmark_service.import_model"]


def test_nothing_of_it_runs_unless_it_is_asked_for(files: ComposeStack) -> None:
    found = services(files)

    assert "import-model" not in found
    assert not [name for name, one in found.items() if "ultralytics" in json.dumps(one)]


def test_the_overlay_runs_the_landmark_service_with_ultralytics(files: ComposeStack) -> None:
    overlay = ("--file", "docker-compose.yml", "--file", "docker-compose.ultralytics.yml")
    plain, found = services(files), services(files, *overlay)

    landmark = found.pop("landmark_service")
    assert landmark["environment"]["FACEPIPE_DETECTOR_RUNTIME"] == "ultralytics"
    assert landmark["image"] == "facepipe/landmark_service:ultralytics"
    assert landmark["build"]["args"]["EXTRAS"] == "ultralytics torch"
    assert {name: plain[name] for name in found} == found, "the other services stay as they are"
