from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from facepipe_client import Status
from facepipe_client.folders import image_id_of
from tests.support.knowing_api import KnowingApi
from tests.support.waiting import wait_until
from watch_service.memory import Stamp
from watch_service.settling import Settling

Start = Callable[[], Callable[[], None]]
LOOKS_S = 2.5


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "watch_service")


def test_what_is_there_and_what_comes_is_sent_with_its_folder(
    api: KnowingApi, root: Path, start: Start
) -> None:
    (root / "before.jpg").write_bytes(b"before")
    start()
    wait_until(lambda: api.sent == ["before.jpg"])

    (root / "2026" / "italy").mkdir(parents=True)
    (root / "2026" / "italy" / "after.HEIC").write_bytes(b"after")

    wait_until(lambda: api.sent == ["before.jpg", "after.HEIC"])
    assert api.folders == ["", "2026/italy"]


def test_nothing_is_sent_twice_also_after_a_restart(
    api: KnowingApi, root: Path, start: Start
) -> None:
    # Given a photograph that was sent, and then erased from the pipeline
    photo = root / "a.jpg"
    photo.write_bytes(b"one")
    stop = start()
    wait_until(lambda: api.sent == ["a.jpg"])
    stop()
    api.knows(image_id_of(photo), Status.DELETED)

    # When the watcher starts again, and the file is touched, renamed and copied
    os.utime(photo)
    photo.rename(root / "b.jpg")
    (root / "copy.jpg").write_bytes(b"one")
    start()
    (root / "other.jpg").write_bytes(b"two")
    wait_until(lambda: "other.jpg" in api.sent)
    time.sleep(LOOKS_S)

    # Then it does not come back
    assert api.sent == ["a.jpg", "other.jpg"]


def test_a_changed_file_is_sent_again(api: KnowingApi, root: Path, start: Start) -> None:
    photo = root / "a.jpg"
    photo.write_bytes(b"one")
    start()
    wait_until(lambda: len(api.sent) == 1)

    photo.write_bytes(b"two, developed again")

    wait_until(lambda: len(api.sent) == 2)


def test_hidden_and_temporary_files_are_left_out_and_others_are_named(
    api: KnowingApi, root: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (".hidden.jpg", "._a.jpg", "~$a.jpg", "a.jpg.part", "notes.txt"):
        (root / name).write_bytes(name.encode())
    for folder in (".thumbnails", "@eaDir"):
        (root / folder).mkdir()
        (root / folder / "a.jpg").write_bytes(b"small")
    (root / "z.jpg").write_bytes(b"photo")

    start()
    wait_until(lambda: api.sent == ["z.jpg"])
    time.sleep(LOOKS_S)

    assert api.sent == ["z.jpg"]
    assert [m for m in caplog.messages if "notes.txt" in m] == [
        "notes.txt: left out: its name is none of a photograph"
    ]


def test_a_file_that_is_refused_is_named_once_with_the_reason(
    api: KnowingApi, root: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "bad\x1b.jpg").write_bytes(b"broken")
    stop = start()
    wait_until(lambda: any("refused" in message for message in caplog.messages))
    stop()
    start()
    (root / "good.jpg").write_bytes(b"good")
    wait_until(lambda: api.sent == ["good.jpg"])

    refused = [message for message in caplog.messages if "refused" in message]
    assert refused == ["bad\\u001b.jpg: refused: not an image (not_an_image)"]


@pytest.mark.parametrize("trouble", [None, 401, 429, 500, 503])
def test_nothing_is_lost_while_the_api_is_away_or_full(
    api: KnowingApi, root: Path, start: Start, trouble: int | None
) -> None:
    api.has_trouble(trouble, trouble)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (root / name).write_bytes(name.encode())

    start()

    wait_until(lambda: sorted(api.sent) == ["a.jpg", "b.jpg", "c.jpg"])


def test_it_waits_as_long_as_the_api_asks(api: KnowingApi, root: Path, start: Start) -> None:
    api.retry_after = "2"
    api.has_trouble(503)
    (root / "a.jpg").write_bytes(b"one")

    start()
    wait_until(lambda: len(api.asked_at) == 2)

    assert api.asked_at[1] - api.asked_at[0] >= 2


def test_names_that_are_no_text_are_sent(api: KnowingApi, root: Path, start: Start) -> None:
    folder = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(b"one")

    start()

    wait_until(lambda: len(api.sent) == 1)
    assert api.folders == ["caf\ufffd"]


def test_a_folder_that_goes_away_and_comes_back_is_watched_again(
    api: KnowingApi, root: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watch_service.watcher._AWAY_S", 0.1)
    (root / "a.jpg").write_bytes(b"one")
    start()
    wait_until(lambda: api.sent == ["a.jpg"])

    root.rename(root.with_name("unplugged"))
    time.sleep(LOOKS_S)
    root.with_name("unplugged").rename(root)
    (root / "b.jpg").write_bytes(b"two")

    wait_until(lambda: api.sent == ["a.jpg", "b.jpg"])


def test_a_file_that_is_still_written_is_held_back(tmp_path: Path) -> None:
    # Given a file that is seen, and grows before it has rested for a second
    path = tmp_path / "a.jpg"
    path.write_bytes(b"half")
    settling = Settling(rest_s=1.0)
    settling.see(path, Stamp.of(path), now=10.0)
    path.write_bytes(b"half and a half")

    # Then it waits anew from when that is noticed
    assert settling.complete(now=11.0) == {}
    assert settling.complete(now=11.9) == {}
    assert settling.complete(now=12.0) == {path: Stamp.of(path)}
    assert len(settling) == 0


def test_a_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    settling = Settling(rest_s=1.0)
    settling.see(path, Stamp.of(path), now=10.0)
    path.unlink()

    assert settling.complete(now=11.0) == {}
    assert len(settling) == 0
