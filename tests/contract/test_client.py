"""facepipe_client keeps up with the API, and needs nothing else of the project."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import pytest

import facepipe_client
from facepipe.domain import words
from facepipe.domain.analysis import Doubt, Gender
from facepipe.domain.errors import FacepipeError
from facepipe.domain.status import Status
from facepipe.stages import StageName
from facepipe_client.errors import BusyError, ProblemError, problem_class
from tools.paths import CLIENT


@pytest.mark.parametrize("ours", [Status, Gender, Doubt, StageName])
def test_its_words_are_those_of_the_pipeline(ours: type[StrEnum]) -> None:
    theirs = getattr(facepipe_client, ours.__name__)

    assert [word.value for word in theirs] == [word.value for word in ours]


def test_every_status_and_doubt_has_words_for_people() -> None:
    assert facepipe_client.STATUS_WORDS == words.STATUS_WORDS
    assert facepipe_client.DOUBT_WORDS == words.DOUBT_WORDS
    assert set(words.STATUS_WORDS) == set(Status)
    assert set(words.DOUBT_WORDS) == set(Doubt)
    final, with_result = map(_values, (facepipe_client.FINAL, facepipe_client.WITH_RESULT))
    assert final == _values(status for status in Status if status.is_final)
    assert with_result == _values(status for status in Status if status.has_result)


def test_what_may_be_tried_again_is_busy_and_all_else_has_its_error() -> None:
    for error in _errors(FacepipeError):
        found = problem_class(error.http_status, error.code)

        assert (found is BusyError) == error.transient, error.code
        assert found is not ProblemError or error.http_status in (416, 421, 500), error.code


def test_it_imports_what_it_declares() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=]", name)[0] for name in project["dependencies"]}

    imported = {
        module
        for path in (CLIENT / "src").rglob("*.py")
        for module in _imports(path)
        if module not in sys.stdlib_module_names
    }

    assert imported - {"facepipe_client"} == declared == {"httpx", "pydantic"}


def _values(words: Iterable[StrEnum]) -> set[str]:
    return {word.value for word in words}


def _errors(root: type[FacepipeError]) -> Iterator[type[FacepipeError]]:
    yield root
    for error in root.__subclasses__():
        yield from _errors(error)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
