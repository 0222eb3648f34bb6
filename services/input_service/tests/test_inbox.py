from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.files.inbox import Inbox, InboxEntry

ID = "ab" * 32


@pytest.fixture
def entry() -> InboxEntry:
    image = ImageInfo(width=4, height=3, format="PNG", sha256=ID, file_name="a.png")
    return InboxEntry(image=image, received_at=datetime.now(UTC))


@pytest.mark.parametrize("failing", [1, 2])
def test_a_volume_that_fills_up_leaves_nothing_behind(
    inbox: Inbox,
    entry: InboxEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    failing: int,
) -> None:
    # Given a volume that is full at the first, or at the second file of an upload
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # When an upload is added
    with monkeypatch.context() as patch:
        patch.setattr("facepipe.files.store.folder.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            inbox.add(ID, b"pixels", entry)

    # Then there is no trace of it, and the next try goes well
    assert not list((tmp_path / "inbox").iterdir())
    inbox.add(ID, b"pixels", entry)
    assert inbox.read(ID) == b"pixels"


def test_what_a_crash_left_is_removed_and_nothing_else(
    inbox: Inbox, entry: InboxEntry, tmp_path: Path
) -> None:
    inbox.add(ID, b"pixels", entry)
    folder = tmp_path / "inbox"
    (folder / ".abababababababab-x1.tmp").write_bytes(b"half of the pix")
    (folder / f"{'cd' * 32}.json").write_bytes(b"{}")
    (folder / ".gitkeep").touch()

    assert inbox.tidy() == 2

    assert sorted(path.name for path in folder.iterdir()) == [".gitkeep", ID, f"{ID}.json"]


def test_a_folder_that_did_not_change_is_not_read_again(
    inbox: Inbox, entry: InboxEntry, tmp_path: Path
) -> None:
    # Given an inbox that changed long ago, and was listed
    inbox.add(ID, b"pixels", entry)
    folder = tmp_path / "inbox"
    os.utime(folder, (1_000_000, 1_000_000))
    first = inbox.ids()
    assert first == {ID}

    # When nothing changes, then it is the same list
    assert inbox.ids() is first

    # And when an upload comes or goes, it is seen at once, however often that happens
    other = "cd" * 32
    for _ in range(20):
        inbox.add(other, b"pixels", entry)
        assert inbox.ids() == {ID, other}
        inbox.remove(other)
        assert inbox.ids() == {ID}
