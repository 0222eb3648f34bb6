from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from rich.progress import Progress

from facepipe.domain.analysis import Status
from tools.stack import ingest
from tools.stack.api import Api, BusyError, ImageStatus, RefusedError


class FakeApi(Api):
    """Knows what it is told, and is busy or away for as many calls as it is told."""

    def __init__(self, *, busy: int = 0, away: int = 0) -> None:
        super().__init__("http://127.0.0.1:9")
        self.sent: list[str] = []
        self._known: dict[str, Status] = {}
        self._busy, self._away = busy, away
        self._lock = threading.Lock()

    def knows(self, image_id: str, status: Status = Status.STORED) -> None:
        self._known[image_id] = status

    def find(self, image_id: str) -> ImageStatus | None:
        status = self._known.get(image_id)
        return None if status is None else ImageStatus(image_id, status, "the reason")

    def send(self, photo: Path) -> ImageStatus:
        with self._lock:
            if self._away > 0:
                self._away -= 1
                raise httpx.ConnectError("nobody there")
            if self._busy > 0:
                self._busy -= 1
                raise BusyError(0.05)
            if photo.read_bytes() == b"broken":
                raise RefusedError("not an image")
            self.sent.append(photo.name)
            image_id = ingest.image_id_of(photo)
            self._known[image_id] = Status.STORED
            return ImageStatus(image_id, Status.QUEUED)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_POLL_S", 0.01)


def test_only_photographs_are_found(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.HEIC", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()

    assert [p.name for p in ingest.photos_in(tmp_path)] == ["a.HEIC", "b.jpg"]


def test_what_is_known_is_not_sent_again(tmp_path: Path) -> None:
    first, second = _photos(tmp_path, b"one", b"two")
    api = FakeApi()
    api.knows(ingest.image_id_of(first))

    tally = _run(api, [first, second])

    assert api.sent == [second.name]
    assert (tally.sent, tally.known, tally.finished) == (1, 1, 2)


def test_what_was_deleted_is_sent_again(tmp_path: Path) -> None:
    (photo,) = _photos(tmp_path, b"one")
    api = FakeApi()
    api.knows(ingest.image_id_of(photo), Status.DELETED)

    assert _run(api, [photo]).sent == 1


def test_a_busy_api_is_given_time(tmp_path: Path) -> None:
    api = FakeApi(busy=3)

    tally = _run(api, _photos(tmp_path, b"one", b"two"))

    assert (tally.sent, tally.failures) == (2, {})


def test_an_api_that_is_away_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    api = FakeApi(away=1)

    assert _run(api, _photos(tmp_path, b"one")).sent == 1


def test_failures_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    broken, failed, good = _photos(tmp_path, b"broken", b"failed", b"good")
    api = FakeApi()
    api.knows(ingest.image_id_of(failed), Status.FAILED)

    tally = _run(api, [broken, failed, good])

    assert tally.failures == {broken: "not an image", failed: "the reason"}
    assert tally.finished == 1


def test_the_same_photograph_under_two_names_is_one_image(tmp_path: Path) -> None:
    tally = _run(FakeApi(), _photos(tmp_path, b"same", b"same"))

    assert (tally.sent + tally.known, tally.finished, tally.pending) == (2, 2, {})


def _photos(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / f"{number}.jpg" for number in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        path.write_bytes(data)
    return paths


def _run(api: FakeApi, photos: list[Path]) -> ingest.Tally:
    with api:
        return ingest.run(api, photos, Progress(disable=True))


def test_a_terminal_does_not_obey_a_name(tmp_path: Path) -> None:
    failures = {tmp_path / "a\x1b[2J\u202egpj.exe": "not \x07 an image"}

    assert list(ingest._failure_lines(failures.items(), tmp_path)) == [
        "a\\u001b[2J\\u202egpj.exe: not \\u0007 an image"
    ]
