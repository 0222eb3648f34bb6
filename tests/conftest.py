"""Fixtures of the tests that cross services."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.missing import missing
from tests.support.photos import data_folder, portrait_paths


@pytest.fixture(scope="session")
def portraits() -> list[Path]:
    """Twenty portraits with one face each."""
    found = portrait_paths()
    if not found:
        missing(f"no portraits in {data_folder()}; set FACEPIPE_TEST_DATA")
    return found
