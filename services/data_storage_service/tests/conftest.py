from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_storage_service.files import ResultFiles
from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from data_storage_service.schema import open_index
from data_storage_service.settling import Settler
from data_storage_service.storing import Look, ResultStore
from facepipe.inbox import Inbox
from services.data_storage_service.tests.bench import Bench, ForgetfulImages, PixelsOf


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_index(tmp_path / "saved_data" / ".index" / "index.sqlite3")
    yield engine
    engine.dispose()


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> Bench:
    files = ResultFiles(tmp_path / "saved_data")
    inbox, images = Inbox(tmp_path / "inbox"), ForgetfulImages()
    ledger, queries = Ledger(engine), Queries(engine)
    settler = Settler(ledger, files, inbox, images, keep_source=True)
    sources = PixelsOf(inbox)
    results = ResultStore(ledger, queries, files, sources, settler, Look())
    return Bench(tmp_path, ledger, queries, files, inbox, images, settler, sources, results)
