from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.database import open_index
from services.data_storage_service.tests.rig import Rig, rig_on


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_index(tmp_path / "saved_data" / ".index" / "index.sqlite3")
    yield engine
    engine.dispose()


@pytest.fixture
def rig(engine: Engine, tmp_path: Path) -> Rig:
    return rig_on(engine, tmp_path)
