"""Gives each test its mark by the folder it stands in, and the time that a busy machine needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.postgres_server import PostgresServer

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

with suppress(ModuleNotFoundError):  # not every environment has it
    import hypothesis

    # A busy machine is slow, which is no fault of what is tested.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")

# What services show each other in tests; whoever starts a whole stack has it make its own.
os.environ["FACEPIPE_ACCESS_TOKEN"] = "-".join(["the", "inside", "token", "of", "the", "tests"])

_ROOT = Path(__file__).parent
_LAYERS = ("contract", "integration", "acceptance", "e2e", "compose")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # Not before: the tests of a service may have a package `tests` of their own.
    from tests.support.postgres_server import running_postgres

    with running_postgres() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(_ROOT).parts
        layer = place[1] if place[0] == "tests" and place[1] in _LAYERS else "unit"
        item.add_marker(getattr(pytest.mark, layer))
