"""What the ledger's page caches take: they fill as the index grows, and then no more.

The ledger alone, in this process, with as many rows as thousands of images leave; six threads
read it between two sizes. Backs the allowance that `soak` makes for data_storage_service.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, insert

from data_storage_service.database import open_index
from data_storage_service.queries import Queries
from data_storage_service.schema import FACES, ImageRow
from facepipe.ledger.states import ListQuery
from facepipe.stage.worker import resident_mb

_STEP = 2000
_STEPS = 12
_READERS = 6  # connections that are kept open
_READS = 120


def grow(engine: Engine) -> Iterator[tuple[int, float]]:
    """Images in the index, and the RSS of this process in MB after it was read many times."""
    queries = Queries(engine)
    with ThreadPoolExecutor(_READERS) as readers:
        for begin in range(0, _STEP * _STEPS, _STEP):
            _fill(engine, begin)
            for _ in readers.map(lambda _: _read(queries), range(_READS)):
                pass
            yield begin + _STEP, resident_mb()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="facepipe-index-") as folder:
        path = Path(folder) / "index.sqlite3"
        engine = open_index(path)
        print(f"{'images':>8}{'index, MB':>12}{'RSS, MB':>10}")
        for images, rss in grow(engine):
            size = sum(file.stat().st_size for file in path.parent.glob("index.sqlite3*"))
            print(f"{images:8}{size / 2**20:12.1f}{rss:10.1f}", flush=True)
        engine.dispose()
    return 0


def _read(queries: Queries) -> None:
    queries.stats()
    queries.page(ListQuery(limit=50))


def _fill(engine: Engine, begin: int) -> None:
    now = datetime.now(UTC)
    ids = [
        hashlib.sha256(str(number).encode()).hexdigest() for number in range(begin, begin + _STEP)
    ]
    image = {
        "generation": 1,
        "status": "stored",
        "file_name": "photograph.jpg",
        "format": "JPEG",
        "received_at": now,
        "updated_at": now,
        "num_faces": 1,
        "traceparent": "0" * 55,
    }
    face = {"face_index": 0, "age": 30, "gender": "male", "confidence": 0.9}
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        rows = [image | {"image_id": i, "revision": begin + n} for n, i in enumerate(ids)]
        connection.execute(insert(ImageRow), rows)
        connection.execute(insert(FACES), [face | {"image_id": i} for i in ids])


if __name__ == "__main__":
    sys.exit(main())
