"""Builds the index anew from `saved_data/*.json`: `python -m data_storage_service.reindex`.

The new index is made aside. Where the old one can be read, its contents are replaced in one
transaction, while the service may go on running; what no file tells is kept from it:
tombstones, images in flight, and failed ones. A file that cannot be read is moved aside and
the new one takes its place; a PostgreSQL has to be restored first, or emptied.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, exc, select, text
from sqlalchemy.orm import Session

from data_storage_service import corrections, rows
from data_storage_service.database import open_index, open_server
from data_storage_service.database.address import server_url
from data_storage_service.rows import face_rows
from data_storage_service.schema import (
    FACES,
    FACES_VERSION,
    CorrectionRow,
    CounterRow,
    ImageRow,
    JobRow,
    PartRow,
)
from data_storage_service.settings import DataStorageSettings
from facepipe.domain.analysis import AnalysisDocument, PartError
from facepipe.domain.errors import FacepipeError, ImageNotFoundError, LedgerDamagedError
from facepipe.domain.status import Status
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import make_folder
from facepipe.files.store.opening import open_files

_log = logging.getLogger(__name__)
_STORED = (Status.STORED, Status.PARTIAL)
_RESULT_LOST = PartError(
    code="result_lost", message="the result is no longer on the volume; run the image again"
)


@dataclass(slots=True)
class Rebuilt:
    """What came of it: images whose result is on disk, kept rows, results that vanished."""

    results: int = 0
    kept: int = 0
    lost: int = 0
    was_readable: bool = True


def reindex(index_path: Path, files: ResultFiles) -> Rebuilt:
    """Rebuilds the index at `index_path`.

    Raises:
        sqlalchemy.exc.OperationalError: no room, or the index is locked; it is as it was.
    """
    outcome = Rebuilt()
    with _built_aside(index_path, files, outcome) as aside:
        try:
            _replace_in_file(index_path, aside, files, outcome)
        except exc.OperationalError:
            raise
        except (LedgerDamagedError, exc.DatabaseError) as error:
            _log.warning("the old index cannot be read (%s); it is moved aside", error)
            outcome.was_readable = False
            _replace_file(index_path, aside)
    return outcome


def reindex_server(engine: Engine, folder: Path, files: ResultFiles) -> Rebuilt:
    """Rebuilds a ledger on PostgreSQL; `folder` is where the new index is made.

    Raises:
        sqlalchemy.exc.DBAPIError: the server does not answer; the ledger is as it was.
    """
    outcome = Rebuilt()
    with _built_aside(folder / "index.sqlite3", files, outcome) as aside:
        _replace_contents(engine, aside, files, outcome)
    return outcome


@contextmanager
def _built_aside(index_path: Path, files: ResultFiles, outcome: Rebuilt) -> Iterator[Path]:
    aside = index_path.with_name("rebuilding.sqlite3")
    make_folder(index_path.parent)
    _remove(aside)
    fresh = open_index(aside)
    try:
        outcome.results = _fill(fresh, files)
        with fresh.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        fresh.dispose()
    try:
        yield aside
    finally:
        _remove(aside)


def _fill(engine: Engine, files: ResultFiles) -> int:
    count = 0
    with Session(engine) as session, session.begin():
        for document in _documents(files):
            count += 1
            session.add(_image_row(document, revision=count))
            session.flush()
            _add_faces(session, face_rows(document))
            image_id = document.image.sha256
            session.add_all(corrections.row_of(image_id, one) for one in document.corrections)
        session.get_one(CounterRow, "revision").value = count
    return count


def _add_faces(session: Session, faces: list[dict[str, Any]]) -> None:
    if faces:
        session.execute(FACES.insert(), faces)


def _documents(files: ResultFiles) -> Iterator[AnalysisDocument]:
    for image_id in files.ids():
        try:
            document = files.read_document(image_id)
        except ImageNotFoundError:
            _log.warning("not a result, left alone: %s", image_id)
            continue
        if document.image.sha256 == image_id:
            yield document


def _image_row(document: AnalysisDocument, revision: int) -> ImageRow:
    row = ImageRow(
        image_id=document.image.sha256,
        generation=document.generation,
        status=document.status,
        received_at=document.timestamp,
        updated_at=document.timestamp,
        completed_at=document.timestamp,
        num_faces=document.num_faces,
        corrected=document.corrected,
        faces_version=FACES_VERSION,
        revision=revision,
    )
    rows.put_image_info(row, document.image)
    rows.put_error(row, document.error)
    return row


def _replace_in_file(index_path: Path, aside: Path, files: ResultFiles, outcome: Rebuilt) -> None:
    engine = open_index(index_path)
    try:
        with engine.connect() as probe:
            if probe.scalar(text("PRAGMA quick_check")) != "ok":
                raise exc.DatabaseError("PRAGMA quick_check", None, ValueError("it is damaged"))
        _replace_contents(engine, aside, files, outcome)
    finally:
        engine.dispose()


def _replace_contents(engine: Engine, aside: Path, files: ResultFiles, outcome: Rebuilt) -> None:
    fresh = open_index(aside)
    writing = engine.execution_options(sqlite_begin="IMMEDIATE", sqlite_synchronous="FULL")
    try:
        with Session(fresh) as source, Session(writing) as target, target.begin():
            _merge(source, target, files, outcome)
    finally:
        fresh.dispose()


def _merge(source: Session, target: Session, files: ResultFiles, outcome: Rebuilt) -> None:
    """Replaces the rows of results. The old index knows better when they were received."""
    counter = target.get_one(CounterRow, "revision")
    unseen = set(target.scalars(select(ImageRow.image_id)))
    for built in source.scalars(select(ImageRow)).all():
        image_id = built.image_id
        unseen.discard(image_id)
        known = target.get(ImageRow, image_id)
        if known is not None and (
            known.state not in _STORED or known.generation > built.generation
        ):
            outcome.kept += 1
            continue
        received_at = known.received_at if known else built.received_at
        traceparent = known.traceparent if known else ""
        values = {column.key: getattr(built, column.key) for column in ImageRow.__table__.columns}
        row = target.merge(ImageRow(**values))
        row.received_at, row.traceparent = received_at, traceparent
        counter.value += 1
        row.revision = counter.value
        target.flush()
        target.execute(FACES.delete().where(FACES.c.image_id == image_id))
        for rows_of in (PartRow, JobRow, CorrectionRow):
            target.execute(delete(rows_of).where(rows_of.image_id == image_id))
        said = source.scalars(select(CorrectionRow).where(CorrectionRow.image_id == image_id))
        for one in said:
            target.add(CorrectionRow(image_id=image_id, number=one.number, document=one.document))
        faces = source.execute(select(FACES).where(FACES.c.image_id == image_id)).mappings()
        _add_faces(target, [dict(face) for face in faces])
    for image_id in unseen:
        _keep_or_lose(target, image_id, counter, files, outcome)


def _keep_or_lose(
    target: Session, image_id: str, counter: CounterRow, files: ResultFiles, outcome: Rebuilt
) -> None:
    row = target.get_one(ImageRow, image_id)
    if row.state not in _STORED or files.document(image_id) is not None:
        outcome.kept += 1
        return
    outcome.lost += 1
    row.status = Status.FAILED
    row.num_faces = None
    row.is_settled = False
    rows.put_error(row, _RESULT_LOST)
    counter.value += 1
    row.revision = counter.value
    target.execute(FACES.delete().where(FACES.c.image_id == image_id))


def _replace_file(index_path: Path, aside: Path) -> None:
    """SQLite's log files go first: they belong to the file that is replaced."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for suffix in ("-wal", "-shm", ""):
        old = index_path.with_name(index_path.name + suffix)
        if suffix and old.exists():
            old.rename(old.with_name(f"unreadable-{stamp}.sqlite3{suffix}"))
    index_path.rename(index_path.with_name(f"unreadable-{stamp}.sqlite3"))
    os.replace(aside, index_path)  # noqa: PTH105  # the name says that it may overwrite


def _remove(index: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        index.with_name(index.name + suffix).unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="reindex", description=__doc__.partition("\n")[0])
    parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = DataStorageSettings()
    try:
        files = ResultFiles(open_files(settings))
        url = server_url(settings.storage, settings.tls)
        if url is None:
            outcome = reindex(settings.index_path, files)
        else:
            outcome = reindex_server(open_server(url), settings.index_path.parent, files)
    except (exc.DBAPIError, FacepipeError, OSError) as error:
        _log.error("the index was left as it was: %s", error)
        return 1
    _log.info(
        "%d results indexed, %d other images kept, %d results are no longer on the volume",
        outcome.results,
        outcome.kept,
        outcome.lost,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
