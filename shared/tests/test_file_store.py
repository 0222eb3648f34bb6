"""What every store of files promises: a folder, and a bucket on two S3 servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import (
    FacepipeError,
    FilesDeniedError,
    FilesUnavailableError,
    StorageFullError,
)
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.files.result_files import ResultFiles
from facepipe.files.store import FileStore
from facepipe.files.store.bucket import BucketFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.system.files_settings import FilesSettings
from facepipe.web.service import CHECK_TIMEOUT_S
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.s3_server import SERVERS, S3Server, running_s3

ID = "0f" * 32
FOLDERS = ("inbox", "saved_data/source")


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    with running_s3(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(params=["folder", *SERVERS])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileStore]:
    """An empty store of each kind."""
    if request.param == "folder":
        store: FileStore = FolderFiles(tmp_path / "volumes")
        (tmp_path / "volumes").mkdir()
        store.prepare(*FOLDERS)
        yield store
        return
    with running_s3(request.param, tmp_path / "s3") as server:
        yield BucketFiles(server.files)


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def behind(server: S3Server, proxy: FaultyProxy) -> BucketFiles:
    """The bucket, through a line that may fail."""
    return BucketFiles(server.reached_at(proxy.endpoint, timeout_s=2))


def test_what_is_put_is_there_whole_and_gone_when_deleted(files: FileStore) -> None:
    # Given nothing
    assert files.head("inbox/a") is None
    with pytest.raises(FileNotFoundError):
        files.get("inbox/a")
    assert list(files.names("inbox")) == []
    assert files.problem("inbox") is None

    # When two files are written together, and one in a folder below
    data = bytes(range(256)) * 400
    files.put({"inbox/a.json": b"{}", "inbox/a": data})
    files.put({"saved_data/source/a": b""})

    # Then each is as it was given, and listed where it is alone
    assert files.get("inbox/a") == data
    assert files.get("saved_data/source/a") == b""
    assert sorted(files.names("inbox")) == ["a", "a.json"]
    assert "a" not in list(files.names("saved_data"))
    info = files.head("inbox/a")
    assert info is not None
    assert info.size == len(data)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)
    assert files.get_range("inbox/a", info, 10, 20) == data[10:20]
    assert files.get_range("inbox/a", info, len(data) - 5, len(data)) == data[-5:]

    # And what is written over it is another file
    files.put({"inbox/a": b"other"})
    other = files.head("inbox/a")
    assert other is not None
    assert other.etag != info.etag

    # And what is deleted is gone, however often
    files.delete("inbox/a", "inbox/a.json")
    files.delete("inbox/a", "inbox/never", for_good=False)
    assert list(files.names("inbox")) == []
    assert files.remove_asides("inbox", 0) == 0


def test_a_second_name_lives_on_by_itself(files: FileStore) -> None:
    files.put({"inbox/a": b"pixels"})

    assert files.copy("inbox/a", "saved_data/source/a")
    files.delete("inbox/a")

    assert files.get("saved_data/source/a") == b"pixels"
    assert files.copy("inbox/a", "saved_data/source/a"), "what is there stays"
    assert not files.copy("inbox/a", "saved_data/source/b")
    assert files.head("saved_data/source/b") is None


def test_more_files_than_a_server_lists_at_once(files: FileStore) -> None:
    expected = {f"{number:04}" for number in range(1050)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: files.put({f"inbox/{name}": b""}), expected))

    assert set(files.names("inbox")) == expected


def test_the_layout_is_the_same_everywhere(files: FileStore) -> None:
    # Given an upload in the inbox
    inbox, results = Inbox(files), ResultFiles(files)
    results.make_folders()
    image = ImageInfo(width=3, height=2, format="PNG", sha256=ID, file_name="ä b.png")
    entry = InboxEntry(image=image, received_at=datetime(2026, 1, 2, tzinfo=UTC))
    inbox.add(ID, b"pixels", entry)
    assert (inbox.read(ID), inbox.entry(ID), list(inbox.ids())) == (b"pixels", entry, [ID])
    assert inbox.tidy() == 0

    # When it is finished
    results.write_annotated(ID, b"jpeg")
    assert results.keep_source(ID, inbox)
    inbox.remove(ID)

    # Then it lies with the results
    assert ID not in inbox
    assert results.read_source(ID) == b"pixels"
    assert sorted(files.names("saved_data/source")) == [ID]
    assert f"{ID}.jpg" in files.names("saved_data")

    # And is erased from there
    results.remove_result(ID)
    results.remove_source(ID)
    assert results.annotated(ID) is None
    assert results.source(ID) is None


def test_a_note_that_another_host_may_be_writing_is_left(server: S3Server) -> None:
    files = BucketFiles(server.files)
    files.put({f"inbox/{ID}.json": b"{}"})

    assert Inbox(files).tidy() == 0

    assert files.head(f"inbox/{ID}.json") is not None
    files.delete(f"inbox/{ID}.json")


def test_a_bucket_that_is_not_there_has_lost_nothing(server: S3Server) -> None:
    # Given a bucket that somebody removed or misspelt
    files = BucketFiles(server.files.model_copy(update={"url": "s3://elsewhere"}))

    # Then no file counts as missing
    calls: list[Callable[[], object]] = [
        lambda: files.get("inbox/a"),
        lambda: files.head("inbox/a"),
        lambda: files.copy("inbox/a", "saved_data/source/a"),
        lambda: list(files.names("inbox")),
        lambda: files.put({"inbox/a": b""}),
    ]
    for call in calls:
        with pytest.raises(FilesUnavailableError, match="bucket"):
            call()
    assert "bucket" in (files.problem("inbox") or "")


def test_a_wrong_key_is_refused_by_name(tmp_path: Path) -> None:
    with running_s3("s3rver", tmp_path) as server:
        files = BucketFiles(server.reached_at(server.files.endpoint, key_id="wrong"))

        with pytest.raises(FilesDeniedError) as refused:
            files.put({"inbox/a": b""})

        assert refused.value.code == "files_denied"
        assert "wrong" not in refused.value.message


def test_without_a_server_it_says_so_soon(tmp_path: Path) -> None:
    nowhere = FilesSettings(
        url="s3://bucket", endpoint="http://127.0.0.1:9", key_id="a", key_secret="b", timeout_s=2
    )
    files = BucketFiles(nowhere)
    begin = time.monotonic()

    with pytest.raises(FilesUnavailableError) as raised:
        files.put({"inbox/a": b""})

    assert time.monotonic() - begin < 10
    assert raised.value.http_status == 503
    assert raised.value.retry_after_s
    assert "files_unavailable" in (files.problem("inbox") or "")


def test_a_server_that_hangs_is_named_within_the_time_of_a_check(
    server: S3Server, proxy: FaultyProxy
) -> None:
    files = BucketFiles(server.reached_at(proxy.endpoint, timeout_s=20))
    begin = time.monotonic()

    with proxy.failing(Fault(pause_s=30)):
        problem = files.problem("inbox")

    assert "files_unavailable" in (problem or "")
    assert time.monotonic() - begin < CHECK_TIMEOUT_S


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Fault(answer="503 Slow Down\n<Error><Code>SlowDown</Code></Error>"),
            FilesUnavailableError,
        ),
        (Fault(answer="500 Internal\n"), FilesUnavailableError),
        (Fault(answer="403 Forbidden\n<Error><Code>AccessDenied</Code></Error>"), FilesDeniedError),
        (Fault(answer="507 Insufficient Storage\n"), StorageFullError),
        (
            Fault(answer="400 Bad\n<Error><Code>QuotaExceeded</Code></Error>"),
            StorageFullError,
        ),
        (Fault(pause_s=30), FilesUnavailableError),
    ],
)
def test_what_the_store_cannot_take_is_told_and_not_there(
    behind: BucketFiles, proxy: FaultyProxy, fault: Fault, error: type[FacepipeError]
) -> None:
    begin = time.monotonic()
    with proxy.failing(fault), pytest.raises(error):
        behind.put({"inbox/cut": bytes(500_000)})

    assert time.monotonic() - begin < 15, "nothing waits for ever"
    assert behind.head("inbox/cut") is None, "and nothing is half there"
    behind.put({"inbox/cut": b"now"})
    behind.delete("inbox/cut")


def test_an_upload_that_is_cut_off_is_not_there(tmp_path: Path) -> None:
    with running_s3("moto", tmp_path) as server:  # s3rver keeps an empty object, against the rules
        proxy = FaultyProxy(server.port)
        files = BucketFiles(server.reached_at(proxy.endpoint, timeout_s=2))
        with proxy.failing(Fault(cut_request=1000)), pytest.raises(FilesUnavailableError):
            files.put({"inbox/cut": bytes(500_000)})
        proxy.close()

        assert BucketFiles(server.files).head("inbox/cut") is None


def test_a_slow_store_is_waited_for(behind: BucketFiles, proxy: FaultyProxy) -> None:
    with proxy.failing(Fault(pause_s=0.7)):
        behind.put({"inbox/slow": b"pixels"})
        assert behind.get("inbox/slow") == b"pixels"
    behind.delete("inbox/slow")


def test_what_is_cut_off_is_never_taken_for_a_file(behind: BucketFiles, proxy: FaultyProxy) -> None:
    data = bytes(300_000)
    behind.put({"inbox/long": data})
    info = behind.head("inbox/long")
    assert info is not None

    with proxy.failing(Fault(cut_answer=50_000)):
        with pytest.raises(FilesUnavailableError):
            behind.get("inbox/long")
        with pytest.raises(FilesUnavailableError):
            behind.get_range("inbox/long", info, 0, len(data))
    with proxy.failing(Fault(cut_answer=10)), pytest.raises(FilesUnavailableError):
        list(behind.names("inbox"))

    assert behind.get("inbox/long") == data
    behind.delete("inbox/long")


def test_a_file_that_was_replaced_is_not_mixed_with_the_other(server: S3Server) -> None:
    files = BucketFiles(server.files)
    files.put({"inbox/a": b"first first"})
    info = files.head("inbox/a")
    assert info is not None
    files.put({"inbox/a": b"second second"})

    with pytest.raises(FilesUnavailableError):
        files.get_range("inbox/a", info, 5, 11)

    files.delete("inbox/a")
