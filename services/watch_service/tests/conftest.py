from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.knowing_api import KnowingApi
from watch_service.memory import Memory
from watch_service.sender import Sender
from watch_service.settings import WatchSection
from watch_service.watcher import Watcher

Start = Callable[[], Callable[[], None]]


@pytest.fixture
def api() -> KnowingApi:
    return KnowingApi()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def start(api: KnowingApi, root: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a watcher; what it returns stops it again."""
    stops: list[Callable[[], None]] = []

    def started() -> Callable[[], None]:
        stop = threading.Event()
        thread = threading.Thread(target=work, args=[stop])
        thread.start()

        def end() -> None:
            stop.set()
            thread.join()

        stops.append(end)
        return end

    def work(stop: threading.Event) -> None:
        settings = WatchSection(dir=root, settle_s=0.3, look_every_s=0.5)
        with closing(Memory(tmp_path / "memory" / "sent.sqlite", root)) as memory:
            sender = Sender(api.client(), memory, root)
            Watcher(root, settings, memory, sender).run(stop)

    yield started
    for end in stops:
        end()
