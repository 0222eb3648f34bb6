"""Digests of all results, kept so that only new ones are read.

A SQLite file beside the plots. It may be deleted at any time: everything in it is read from
the results again. A result that was deleted leaves no trace here after the next sync.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from facepipe.analysis import Gender
from facepipe.inbox import make_folder
from plotter_service.digest import ResultDigest, digest_result
from plotter_service.statistics import (
    AGE_BIN_YEARS,
    AGE_BINS,
    CONFIDENCE_BINS,
    MANY_FACES,
    Statistics,
    StepTime,
    step_time,
    timeline,
)

NEWEST_RESULTS = 10_000
_RESULT_FILE = re.compile(r"([0-9a-f]{64})\.json")
_BATCH = 500
_VERSION = 1
_SCHEMA = """
CREATE TABLE results (
  id INTEGER PRIMARY KEY, image_id TEXT NOT NULL UNIQUE, mtime_ns INTEGER NOT NULL,
  size INTEGER NOT NULL, stored_at_s INTEGER, num_faces INTEGER
);
CREATE INDEX results_by_time ON results (stored_at_s);
CREATE TABLE faces (
  result INTEGER NOT NULL REFERENCES results ON DELETE CASCADE,
  age INTEGER, gender TEXT NOT NULL, confidence REAL, is_reliable INTEGER NOT NULL
);
CREATE INDEX faces_by_result ON faces (result);
CREATE TABLE timings (
  result INTEGER NOT NULL REFERENCES results ON DELETE CASCADE, step TEXT NOT NULL, ms REAL NOT NULL
);
CREATE INDEX timings_by_result ON timings (result);
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync found; `is_complete` is False when its time was up before it was through."""

    added: int
    removed: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _Stamp:
    """By which a changed file is known."""

    mtime_ns: int
    size: int


class ResultCache:
    """Digests of the results in a folder."""

    def __init__(self, path: Path, results: Path) -> None:
        self._path = path
        self._results = results

    def sync(self, budget_s: float) -> SyncReport:
        """Forgets results that are gone, reads those that are new or changed.

        What was read stays read when the time is up, or when this process dies.
        """
        try:
            return self._sync(budget_s)
        except sqlite3.DatabaseError as error:
            _log.warning("the cache of results is broken and built again: %s", error)
            self._path.unlink(missing_ok=True)
            return self._sync(budget_s)

    def statistics(self) -> Statistics:
        """The numbers behind the plots, over everything that was read."""
        with self._open() as db:
            images, faces = db.execute(
                "SELECT count(*), coalesce(sum(num_faces), 0) FROM results"
                " WHERE num_faces IS NOT NULL"
            ).fetchone()
            with_age, reliable = db.execute(
                "SELECT count(age), coalesce(sum(is_reliable), 0) FROM faces"
            ).fetchone()
            return Statistics(
                images=images,
                faces=faces,
                faces_with_age=with_age,
                reliable_faces=reliable,
                ages=_ages(db),
                genders=_genders(db),
                confidences=_confidences(db),
                faces_per_image=_faces_per_image(db),
                step_times=_step_times(db),
                timeline=timeline(_images_by_minute(db)),
            )

    def _sync(self, budget_s: float) -> SyncReport:
        deadline = time.monotonic() + budget_s
        found = dict(_scan(self._results))
        with self._open() as db:
            known = {
                image_id: _Stamp(mtime_ns, size)
                for image_id, mtime_ns, size in db.execute(
                    "SELECT image_id, mtime_ns, size FROM results"
                )
            }
            gone = known.keys() - found.keys()
            changed = [name for name, stamp in found.items() if known.get(name) != stamp]
            outdated = [(name,) for name in (*gone, *(known.keys() & set(changed)))]
            with db:
                db.executemany("DELETE FROM results WHERE image_id = ?", outdated)
            added = 0
            for start in range(0, len(changed), _BATCH):
                if start and time.monotonic() > deadline:
                    return SyncReport(added, len(gone), is_complete=False)
                with db:
                    for image_id in changed[start : start + _BATCH]:
                        added += self._read(db, image_id, found[image_id])
        return SyncReport(added, len(gone), is_complete=True)

    def _read(self, db: sqlite3.Connection, image_id: str, stamp: _Stamp) -> int:
        try:
            data = (self._results / f"{image_id}.json").read_bytes()
        except FileNotFoundError:  # deleted since the scan
            return 0
        digest = digest_result(data)
        if digest is None:
            _log.warning("no result document", extra={"image_id": image_id})
        _insert(db, image_id, stamp, digest)
        return 1

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        make_folder(self._path.parent)
        with closing(sqlite3.connect(self._path, timeout=30)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = OFF")  # it can be built again
            db.execute("PRAGMA secure_delete = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"version {version} instead of {_VERSION}")
            if version == 0:
                db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
            yield db


def _scan(folder: Path) -> Iterator[tuple[str, _Stamp]]:
    """Ids and stamps of all result documents in a folder."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as files:
        for file in files:
            if match := _RESULT_FILE.fullmatch(file.name):
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue
                yield match[1], _Stamp(status.st_mtime_ns, status.st_size)


def _insert(
    db: sqlite3.Connection, image_id: str, stamp: _Stamp, digest: ResultDigest | None
) -> None:
    """Enters a result; one that could not be understood is known, and counts for nothing."""
    row = db.execute(
        "INSERT INTO results (image_id, mtime_ns, size, stored_at_s, num_faces)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            image_id,
            stamp.mtime_ns,
            stamp.size,
            digest.stored_at_s if digest else None,
            len(digest.faces) if digest else None,
        ),
    ).lastrowid
    if digest is None:
        return
    db.executemany(
        "INSERT INTO faces VALUES (?, ?, ?, ?, ?)",
        [(row, one.age, one.gender, one.confidence, one.is_reliable) for one in digest.faces],
    )
    db.executemany(
        "INSERT INTO timings VALUES (?, ?, ?)",
        [(row, step, ms) for step, ms in digest.timings_ms.items()],
    )


def _ages(db: sqlite3.Connection) -> dict[Gender, list[int]]:
    ages = {gender: [0] * AGE_BINS for gender in Gender}
    rows = db.execute(
        "SELECT gender, age / ?, count(*) FROM faces WHERE age IS NOT NULL GROUP BY 1, 2",
        (AGE_BIN_YEARS,),
    )
    for gender, index, count in rows:
        ages[Gender(gender)][min(index, AGE_BINS - 1)] += count
    return ages


def _genders(db: sqlite3.Connection) -> dict[Gender, int]:
    counts = dict(db.execute("SELECT gender, count(*) FROM faces GROUP BY gender"))
    return {gender: counts.get(gender.value, 0) for gender in Gender}


def _confidences(db: sqlite3.Connection) -> list[int]:
    bins = [0] * CONFIDENCE_BINS
    # A confidence of 0.95 belongs to the bin that begins there, whatever its last bit says.
    rows = db.execute(
        "SELECT CAST(confidence * ? + 1e-6 AS INTEGER), count(*) FROM faces"
        " WHERE confidence IS NOT NULL GROUP BY 1",
        (CONFIDENCE_BINS,),
    )
    for index, count in rows:
        bins[min(index, CONFIDENCE_BINS - 1)] += count
    return bins


def _faces_per_image(db: sqlite3.Connection) -> dict[int, int]:
    rows = db.execute(
        "SELECT min(num_faces, ?), count(*) FROM results WHERE num_faces IS NOT NULL GROUP BY 1",
        (MANY_FACES,),
    )
    return dict(rows.fetchall())


def _step_times(db: sqlite3.Connection) -> dict[str, StepTime]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    rows = db.execute(
        "SELECT step, ms FROM timings WHERE result IN"
        " (SELECT id FROM results ORDER BY stored_at_s DESC LIMIT ?)",
        (NEWEST_RESULTS,),
    )
    for step, ms in rows:
        values[step].append(ms)
    return {step: step_time(found) for step, found in values.items()}


def _images_by_minute(db: sqlite3.Connection) -> dict[int, int]:
    rows = db.execute(
        "SELECT stored_at_s / 60, count(*) FROM results WHERE stored_at_s IS NOT NULL GROUP BY 1"
    )
    return dict(rows.fetchall())
