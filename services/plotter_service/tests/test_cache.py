from __future__ import annotations

import os
from pathlib import Path

import pytest

from facepipe.analysis import Gender
from plotter_service import cache
from plotter_service.cache import ResultCache, SyncReport
from plotter_service.digest import ResultDigest, digest_result

from .documents import face, image_id, store


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "saved_data"


@pytest.fixture
def kept(tmp_path: Path, results: Path) -> ResultCache:
    return ResultCache(tmp_path / "cache" / "results.sqlite", results)


def test_a_missing_folder_is_no_result(kept: ResultCache) -> None:
    assert kept.sync(10) == SyncReport(0, 0, is_complete=True)
    assert kept.statistics().images == 0


def test_counts_what_the_results_say(kept: ResultCache, results: Path) -> None:
    # given
    store(results, 1, [face(3), face(64, Gender.MALE, 0.42)])
    store(results, 2, [face(None, Gender.UNKNOWN, 1.0)])
    store(results, 3)

    # when
    kept.sync(10)

    # then
    found = kept.statistics()
    assert (found.images, found.faces, found.faces_with_age, found.reliable_faces) == (3, 3, 2, 2)
    assert found.faces_per_image == {0: 1, 1: 1, 2: 1}
    assert found.ages[Gender.FEMALE][0] == found.ages[Gender.MALE][12] == 1
    assert found.genders == {Gender.FEMALE: 1, Gender.MALE: 1, Gender.UNKNOWN: 1}
    assert [(i, n) for i, n in enumerate(found.confidences) if n] == [(8, 1), (18, 1), (19, 1)]
    assert found.step_times["detect"].count == 3
    assert sum(found.timeline.counts) == 3


def test_only_new_results_are_read(
    kept: ResultCache, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    store(results, 1)
    kept.sync(10)
    read: list[bytes] = []

    def digest(data: bytes) -> ResultDigest | None:
        read.append(data)
        return digest_result(data)

    monkeypatch.setattr(cache, "digest_result", digest)

    # when
    store(results, 2)
    report = kept.sync(10)

    # then
    assert report == SyncReport(1, 0, is_complete=True)
    assert len(read) == 1
    assert kept.statistics().images == 2


def test_a_deleted_result_leaves_no_trace(kept: ResultCache, results: Path, tmp_path: Path) -> None:
    # given
    store(results, 1, [face()])
    store(results, 2)
    kept.sync(10)

    # when
    (results / f"{image_id(1)}.json").unlink()
    report = kept.sync(10)

    # then
    assert report == SyncReport(0, 1, is_complete=True)
    assert kept.statistics().faces == 0
    assert image_id(1).encode() not in (tmp_path / "cache" / "results.sqlite").read_bytes()


def test_a_result_that_was_made_again_counts_once(kept: ResultCache, results: Path) -> None:
    # given
    path = store(results, 1, [face(20)])
    kept.sync(10)

    # when
    store(results, 1, [face(20), face(50)])
    os.utime(path, (0, 0))
    kept.sync(10)

    # then
    assert (kept.statistics().images, kept.statistics().faces) == (1, 2)


def test_what_is_no_result_counts_for_nothing_and_is_read_once(
    kept: ResultCache, results: Path
) -> None:
    store(results, 1).write_bytes(b"{")
    (results / "notes.json").write_text("{}")
    assert kept.sync(10).added == 1
    assert kept.sync(10).added == 0
    assert kept.statistics().images == 0


def test_when_time_is_up_the_rest_is_left_for_later(
    kept: ResultCache, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_BATCH", 2)
    for number in range(5):
        store(results, number)

    assert kept.sync(0) == SyncReport(2, 0, is_complete=False)
    assert kept.statistics().images == 2
    kept.sync(0)
    assert kept.sync(0).is_complete
    assert kept.statistics().images == 5


@pytest.mark.parametrize("damage", [b"no database at all, not even nearly" * 100, b""])
def test_a_broken_cache_is_built_again(
    kept: ResultCache, results: Path, tmp_path: Path, damage: bytes
) -> None:
    store(results, 1)
    kept.sync(10)
    (tmp_path / "cache" / "results.sqlite").write_bytes(damage)

    assert kept.sync(10).added == 1
    assert kept.statistics().images == 1
