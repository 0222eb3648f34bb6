"""Ninety photographs of 6 MB at once, within the memory that a container has."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.chromium import chromium
from tests.support.fake_input_api import FakeApi

from .visitor import Visitor

pytestmark = pytest.mark.filterwarnings("default")

MEMORY = 512 * 2**20  # what docker-compose.yml gives the viewer
PHOTOS, PHOTO_BYTES = 90, 6_000_000


@pytest.fixture
def viewer(address: str, tmp_path: Path) -> Iterator[str]:
    """The viewer's own process, which may neither have more memory nor write a large file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {
        "FACEPIPE_PORT_VIEWER": str(port),
        "FACEPIPE_ADDRESS_INPUT": address,
        "FACEPIPE_ADDRESS_OTLP": "127.0.0.1:9",
        "GRADIO_TEMP_DIR": str(tmp_path / "tmp" / "gradio"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    process = subprocess.Popen([sys.executable, "-m", "gradio_viewer"], env=environment)
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (2**20, 2**20))
    viewer = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, viewer)
        yield viewer
        assert process.poll() is None, "the viewer has died"
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], viewer: str) -> None:
    while True:
        assert process.poll() is None
        try:
            httpx.get(f"{viewer}/readyz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return


def photo(number: int, size: int = PHOTO_BYTES) -> bytes:
    return b"\xff\xd8" + number.to_bytes(4) + os.urandom(size - 6)


def test_ninety_photographs_of_6_mb_chosen_at_once(
    viewer: str, fake: FakeApi, tmp_path: Path
) -> None:
    # given ninety photographs, and one in their midst that is larger than any may be
    photos = []
    for number in range(PHOTOS):
        photos.append(tmp_path / f"{number}.jpg")
        photos[-1].write_bytes(photo(number))
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(photo(0, 52_500_000))
    chosen = [*photos[:45], huge, *photos[45:]]
    with chromium() as browser:
        page = browser.new_page()
        page.goto(viewer)
        # when somebody chooses them all at once
        page.set_input_files("#upload input[type=file]", [str(path) for path in chosen])
        # then each has its answer: ninety results, and a reason for the one
        page.locator("#progress").get_by_text("91 of 91 finished").wait_for(timeout=300_000)
        rows = page.locator("#progress .fp-row")
        assert rows.locator("nth=45").locator(".fp-state").text_content() == (
            "refused: it is larger than 50 MB, the most that is accepted"
        )
        assert page.locator("#progress .fp-row[data-status=stored]").count() == PHOTOS
    assert len(fake.images) == PHOTOS
    # and nothing was put on the disk, which in a container is memory as well
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []


def test_visitors_who_send_large_files_at_once_wait_for_each_other(
    viewer: str, fake: FakeApi
) -> None:
    # given twelve visitors with a file of 45 MB each, more than there is memory for
    barrier = threading.Barrier(12)

    def send(number: int) -> int:
        visitor = Visitor(viewer)
        visitor.http.timeout = httpx.Timeout(300)
        data = photo(number, 45_000_000)
        barrier.wait()
        tickets = visitor.upload((f"{number}.jpg", data))
        visitor.close()
        return len(tickets)

    # when all send at once
    with ThreadPoolExecutor(12) as pool:
        tickets = list(pool.map(send, range(12)))
    # then all are accepted
    assert tickets == [1] * 12
    assert len(fake.images) == 12
