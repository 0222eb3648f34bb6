from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.files.store.folder import FolderFiles, make_folder, write_durably

ID = "0f" * 32


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(FolderFiles(tmp_path))


@pytest.fixture
def entry() -> InboxEntry:
    image = ImageInfo(width=3, height=2, format="PNG", sha256=ID, file_name="ä b.png")
    return InboxEntry(image=image, received_at=datetime(2026, 1, 2, tzinfo=UTC), traceparent="t")


def test_what_was_added_is_read_back_byte_for_byte(inbox: Inbox, entry: InboxEntry) -> None:
    inbox.add(ID, b"\x00pixels\xff", entry)

    assert inbox.read(ID) == b"\x00pixels\xff"
    assert inbox.entry(ID) == entry
    assert list(inbox.ids()) == [ID]
    assert ID in inbox


def test_what_was_removed_leaves_no_file(inbox: Inbox, entry: InboxEntry, tmp_path: Path) -> None:
    inbox.add(ID, b"pixels", entry)

    inbox.remove(ID)
    inbox.remove(ID)

    assert ID not in inbox
    assert list((tmp_path / "inbox").iterdir()) == []


def test_a_missing_upload_is_not_found(inbox: Inbox) -> None:
    with pytest.raises(ImageNotFoundError):
        inbox.read(ID)
    with pytest.raises(ImageNotFoundError):
        inbox.entry(ID)


@pytest.mark.parametrize("bad", ["", "../secret", "0F" * 32, "0f" * 31, f"{ID}/x", f"{ID}\n"])
def test_what_is_no_id_never_becomes_a_path(inbox: Inbox, bad: str) -> None:
    with pytest.raises(InvalidRequestError):
        inbox.name(bad)


def test_a_note_without_its_upload_is_not_accepted(
    inbox: Inbox, entry: InboxEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a volume that fills up between the two files
    synced = os.fsync
    calls = 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the upload is written aside, its note is not
            raise OSError(errno.ENOSPC, "no space")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(OSError, match="no space"):
        inbox.add(ID, b"pixels", entry)

    assert ID not in inbox
    assert list(inbox.ids()) == []


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="no space"):
        write_durably(path, b"new")

    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("above", "expected"), [(0o2775, 0o775), (0o755, 0o755), (0o700, 0o700)])
def test_a_new_folder_is_writable_by_the_group_where_the_one_above_is(
    above: int, expected: int, tmp_path: Path
) -> None:
    # Given a process that gives its group no right to write
    careful = 0o077 if above == 0o700 else 0o022
    mask = os.umask(careful)
    try:
        tmp_path.chmod(above)

        # When folders are made
        make_folder(tmp_path / "saved_data" / "plots")
        make_folder(tmp_path / "saved_data" / "plots")

        # Then all of them are as open to the group as what they are in, and its group is theirs
        for folder in (tmp_path / "saved_data", tmp_path / "saved_data" / "plots"):
            mode = folder.stat().st_mode
            assert stat.S_IMODE(mode) & 0o777 == expected
            assert mode & stat.S_ISGID == above & stat.S_ISGID
            assert folder.stat().st_gid == tmp_path.stat().st_gid

        # And the process is as careful as before
        assert os.umask(careful) == careful
    finally:
        os.umask(mask)
