"""What is generated is committed as it would be generated now (`make format` writes it)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from models.accuracy.targets import targets_of
from tools.generate.cards import cards, figures, filled
from tools.generate.client import client
from tools.generate.env_example import env_example
from tools.generate.openapi import openapi
from tools.generate.schema import schema
from tools.generate.services import services
from tools.generate.stubs import stubs
from tools.generate.versions import versions


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings as they are where nothing is set."""
    for name in [name for name in os.environ if name.startswith("FACEPIPE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "source", [stubs, schema, env_example, openapi, client, versions, services, cards]
)
def test_what_is_committed_is_what_would_be_generated(
    source: Callable[[], dict[Path, str]],
) -> None:
    files = source()

    assert files
    for path, text in files.items():
        assert path.exists(), f"{path} is missing: make format"
        assert path.read_text() == text, f"{path} is out of date: make format"


def test_what_was_asked_of_the_models_is_judged_by_their_figures() -> None:
    report = figures()

    assert report["targets"] == [target.to_json() for target in targets_of(report)]
    assert {target["model"] for target in report["targets"]} >= {
        "face_detector",
        *(f"age_gender/{variant}" for variant in report["age_gender"]["variants"]),
    }


def test_only_what_stands_between_markers_is_replaced() -> None:
    text = "by hand\n<!-- generated: a table -->\n| old |\n<!-- end -->\nby hand\n"

    assert filled(text, {"a table": "| new |"}) == text.replace("old", "new")
    with pytest.raises(KeyError):
        filled(text, {})
