from __future__ import annotations

from pathlib import Path

from facepipe.files.store.folder import volume_problem


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mtime_ns

    assert volume_problem(tmp_path) is None

    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mtime_ns == before


def test_a_folder_that_is_gone_or_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    for folder in (tmp_path / "gone", file):
        assert str(folder) in (volume_problem(folder) or "")
