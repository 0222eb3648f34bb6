from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from facepipe_client import Status
from facepipe_client.folders import image_id_of
from tests.support.knowing_api import KnowingApi
from tools.stack import ingest


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_POLL_S", 0.01)
    monkeypatch.setattr(ingest, "_BUSY_S", 0.05)


def test_only_photographs_are_found(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.HEIC", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()

    photos, skipped = ingest.found_in(tmp_path)

    assert [p.name for p in photos] == ["a.HEIC", "b.jpg"]
    assert [p.name for p in skipped] == ["notes.txt"]


def test_one_file_is_taken_whatever_its_name_is(tmp_path: Path) -> None:
    (tmp_path / "photograph").touch()

    assert ingest.found_in(tmp_path / "photograph") == ([tmp_path / "photograph"], [])


def test_folders_are_kept(tmp_path: Path) -> None:
    (tmp_path / "2026" / "italy").mkdir(parents=True)
    photos = [tmp_path / "a.jpg", tmp_path / "2026" / "italy" / "b.jpg"]
    for number, photo in enumerate(photos):
        photo.write_bytes(bytes([number]))
    api = KnowingApi()

    with api.client() as client:
        ingest.run(client, photos, Progress(disable=True), tmp_path)

    assert sorted(api.folders) == ["", "2026/italy"]


def test_after_ctrl_c_the_rest_is_not_sent_and_what_was_done_is_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ingest, "_follow", interrupt)
    photos = _photos(tmp_path, *(bytes([number]) for number in range(50)))
    text = io.StringIO()

    tally = _run(KnowingApi(), photos)
    console = Console(file=text, soft_wrap=True)
    ingest._print_summary(console, tally, photos, [tmp_path / "notes.txt"], tmp_path)

    assert tally.is_interrupted
    lines = text.getvalue().splitlines()
    assert lines[0].startswith(f"50 photographs (0.0 MB): {tally.sent} sent, 0 were known")
    assert lines[2] == "  notes.txt"
    assert lines[-1].startswith(f"interrupted: {50 - tally.sent} were not sent")


def test_what_is_known_is_not_sent_again(tmp_path: Path) -> None:
    first, second = _photos(tmp_path, b"one", b"two")
    api = KnowingApi()
    api.knows(image_id_of(first))

    tally = _run(api, [first, second])

    assert api.sent == [second.name]
    assert (tally.sent, tally.known, tally.finished) == (1, 1, 2)


def test_what_was_deleted_is_sent_again(tmp_path: Path) -> None:
    (photo,) = _photos(tmp_path, b"one")
    api = KnowingApi()
    api.knows(image_id_of(photo), Status.DELETED)

    assert _run(api, [photo]).sent == 1


def test_a_busy_api_is_given_time(tmp_path: Path) -> None:
    api = KnowingApi(busy=3)

    tally = _run(api, _photos(tmp_path, b"one", b"two"))

    assert (tally.sent, tally.failures) == (2, {})


def test_an_api_that_is_away_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    api = KnowingApi(away=1)

    assert _run(api, _photos(tmp_path, b"one")).sent == 1


def test_failures_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    broken, failed, good = _photos(tmp_path, b"broken", b"failed", b"good")
    api = KnowingApi()
    api.knows(image_id_of(failed), Status.FAILED)

    tally = _run(api, [broken, failed, good])

    assert tally.failures == {broken: "not an image", failed: "the reason"}
    assert tally.finished == 1


def test_the_same_photograph_under_two_names_is_one_image(tmp_path: Path) -> None:
    tally = _run(KnowingApi(), _photos(tmp_path, b"same", b"same"))

    assert (tally.sent + tally.known, tally.finished, tally.pending) == (2, 2, {})


def _photos(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / f"{number}.jpg" for number in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        path.write_bytes(data)
    return paths


def _run(api: KnowingApi, photos: list[Path]) -> ingest.Tally:
    with api.client() as client:
        return ingest.run(client, photos, Progress(disable=True))


def test_a_terminal_does_not_obey_a_name(tmp_path: Path) -> None:
    failures = {tmp_path / "a\x1b[2J\u202egpj.exe": "not \x07 an image"}

    assert list(ingest._failure_lines(failures.items(), tmp_path)) == [
        "a\\u001b[2J\\u202egpj.exe: not \\u0007 an image"
    ]
