"""The folder of uploads: nobody's photograph stays in it, and nobody's is taken away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.fake_input_api import FakeApi, portrait, serving

pytest.importorskip("gradio")

from facepipe.settings import AddressSettings
from gradio_viewer import handlers
from gradio_viewer.app import create_viewer_app
from gradio_viewer.client import InputApi
from gradio_viewer.settings import ViewerSettings
from gradio_viewer.uploads import UploadFolder

pytestmark = pytest.mark.filterwarnings("default")


class Clock:
    """A monotonic clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path, clock: Clock) -> UploadFolder:
    folder = UploadFolder(tmp_path / "uploads", keep_s=100, clock=clock)
    folder.clear()
    return folder


def lay(tmp_path: Path, name: str = "a.jpg") -> Path:
    path = tmp_path / "uploads" / "0f" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"pixels")
    return path


def test_the_folder_is_emptied_and_for_its_owner_alone(
    folder: UploadFolder, tmp_path: Path
) -> None:
    # given what a crash has left, in a folder that others may enter
    lay(tmp_path)
    (tmp_path / "uploads").chmod(0o755)
    # when
    folder.clear()
    # then
    assert list((tmp_path / "uploads").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "uploads").stat().st_mode) == 0o700


def test_what_is_dropped_leaves_not_even_its_folder(folder: UploadFolder, tmp_path: Path) -> None:
    path = lay(tmp_path)

    folder.drop(path)
    folder.drop(path)

    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_file_that_nobody_took_up_is_swept_when_its_time_is_over(
    folder: UploadFolder, tmp_path: Path, clock: Clock
) -> None:
    # given a file that nobody takes up, and one that is taken up
    left, taken = lay(tmp_path, "left"), lay(tmp_path, "taken")
    folder.take(taken)
    assert folder.sweep() == 0
    # when their time is not over yet
    clock.now += 99
    assert folder.sweep() == 0
    # and when it is
    clock.now += 1
    assert folder.sweep() == 1
    # then the one alone is gone
    assert [left.exists(), taken.exists()] == [False, True]


def test_a_large_selection_may_take_its_time(
    folder: UploadFolder, tmp_path: Path, clock: Clock
) -> None:
    # given a file that an earlier upload left, and the first one of a selection on its way
    left = lay(tmp_path, "left")
    folder.sweep()
    clock.now += 1
    with folder.upload_on_its_way():
        first = lay(tmp_path, "first")
        folder.sweep()
        # when it goes on for long
        clock.now += 1000
        # then the file that was there before goes, the other one stays
        assert folder.sweep() == 1
        assert [left.exists(), first.exists()] == [False, True]
    # and once the upload has ended without anybody taking its files up, they go
    assert folder.sweep() == 1
    assert not first.exists()


def test_a_wall_clock_that_jumps_sweeps_nothing(
    folder: UploadFolder, tmp_path: Path, clock: Clock
) -> None:
    # given files from an hour before and after
    early, late = lay(tmp_path, "early"), lay(tmp_path, "late")
    now = early.stat().st_mtime
    os.utime(early, (now - 3600, now - 3600))
    os.utime(late, (now + 3600, now + 3600))
    # when they are swept, then neither is gone before its time
    folder.sweep()
    clock.now += 99
    assert folder.sweep() == 0
    clock.now += 1
    assert folder.sweep() == 2


def test_a_file_is_gone_once_it_is_sent_though_its_analysis_goes_on(
    folder: UploadFolder, tmp_path: Path
) -> None:
    # given an API that takes the image and is not done with it
    path = lay(tmp_path)
    seen: list[bool] = []

    class Api(InputApi):
        async def send(self, path: Path, file_name: str) -> dict[str, Any]:
            seen.append(path.exists())
            return {"image_id": "ab", "status": "queued"}

        async def follow(self, image_id: str) -> Any:
            seen.append(path.exists())
            yield {"status": "stored"}

    async def run() -> None:
        async for _ in handlers.upload(Api("http://nowhere"), folder, [(str(path), "a.jpg")]):
            pass

    # when it is uploaded
    asyncio.run(run())
    # then it was there to be sent and gone while it was followed
    assert seen == [True, False]


def test_a_browser_that_goes_away_takes_its_files_along(
    folder: UploadFolder, tmp_path: Path
) -> None:
    # given two files, one of them on its way, in an API that never answers
    paths = [lay(tmp_path, name) for name in ("a.jpg", "b.jpg", "c.jpg")]

    class Api(InputApi):
        async def send(self, path: Path, file_name: str) -> dict[str, Any]:
            await asyncio.sleep(3600)
            raise AssertionError

    async def run() -> None:
        progress = handlers.upload(
            Api("http://nowhere"), folder, [(str(path), path.name) for path in paths]
        )
        await anext(progress)
        await progress.aclose()  # type: ignore[attr-defined]  # it is a generator

    # when the page is closed
    asyncio.run(run())
    # then none is left
    assert [path.exists() for path in paths] == [False, False, False]


@pytest.fixture
def upload_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The viewer's folder, beneath one of the test's own."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "gradio"


def test_two_people_with_the_same_photograph_have_a_file_each(
    upload_root: Path, address: str, fake: FakeApi
) -> None:
    # given a viewer
    settings = ViewerSettings(address=AddressSettings(input=address))
    with serving(create_viewer_app(settings)) as viewer:
        # when the same file comes twice
        answers = [_upload(viewer, portrait()) for _ in range(2)]
        # then there are two, so that dropping one leaves the other
        paths = {Path(path) for answer in answers for path in answer}
        assert len(paths) == 2
        assert all(path.is_file() and path.is_relative_to(upload_root) for path in paths)
    # and nothing is left when the viewer has ended
    assert not upload_root.exists()


def _upload(viewer: str, photo: bytes) -> list[str]:
    answer = httpx.post(
        f"{viewer}/gradio_api/upload", files={"files": ("a.jpg", photo)}, timeout=20
    )
    paths: list[str] = answer.raise_for_status().json()
    return paths


def test_an_upload_that_breaks_off_is_swept_as_well(upload_root: Path, address: str) -> None:
    # given a viewer and an upload of which only the beginning comes
    settings = ViewerSettings(address=AddressSettings(input=address))
    with serving(create_viewer_app(settings)) as viewer:
        half_sent = threading.Event()

        def body() -> Any:
            yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
            yield b"half of the pixels" * 1000
            half_sent.wait(1)
            raise ConnectionError

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with contextlib.suppress(ConnectionError):
            httpx.post(f"{viewer}/gradio_api/upload", content=body(), headers=headers)
        half_sent.set()
        # then its half is still there, and a sweep removes it
        folder = UploadFolder(upload_root, keep_s=0)
        for _ in range(50):
            if folder.sweep():
                break
            time.sleep(0.1)
        else:
            pytest.fail("nothing had been written, so nothing was shown")
        assert not [path for path in upload_root.rglob("*") if path.is_file()]
