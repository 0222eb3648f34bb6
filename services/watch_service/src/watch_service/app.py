"""The HTTP application of this service: health and numbers; the watcher lives in its lifespan."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI

from facepipe.domain.errors import MisconfiguredError
from facepipe.system.tls import trusting
from facepipe.web.service import Check, create_app
from facepipe_client import Client, ClientError
from watch_service.memory import Memory
from watch_service.sender import Sender
from watch_service.settings import WatchServiceSettings
from watch_service.watcher import Watcher

_CHECK_S = 2.0
_AGAIN_S = 5.0

_log = logging.getLogger(__name__)


def create_watch_app(settings: WatchServiceSettings) -> FastAPI:
    """Raises MisconfiguredError when there is nothing to watch."""
    root = _folder(settings)
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=[settings, root, stop], name="watcher")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        thread.start()
        yield
        stop.set()
        await anyio.to_thread.run_sync(thread.join)

    checks: dict[str, Check] = {
        "folder": lambda: None if root.is_dir() else f"{root} is not there",
        "input_api": partial(_api_problem, settings),
        "memory": lambda: _memory_problem(settings.memory_file.parent),
    }
    return create_app("watch_service", settings, checks=checks, lifespan=lifespan)


def _folder(settings: WatchServiceSettings) -> Path:
    if settings.watch.dir is None:
        raise MisconfiguredError("set FACEPIPE_WATCH_DIR to the folder to watch")
    root = settings.watch.dir.expanduser().absolute()
    if not root.is_dir():
        raise MisconfiguredError(f"FACEPIPE_WATCH_DIR={root} is no folder")
    return root


def _work(settings: WatchServiceSettings, root: Path, stop: threading.Event) -> None:
    """Watches until it is told to stop; whatever goes wrong, e.g. a full disk, is tried again."""
    while not stop.is_set():
        try:
            with (
                closing(Memory(settings.memory_file, root)) as memory,
                _client(settings, key=settings.watch.key) as api,
            ):
                Watcher(root, settings.watch, memory, Sender(api, memory, root)).run(stop)
        except Exception:
            _log.exception("watching broke off; it begins again")
            stop.wait(_AGAIN_S)


def _client(settings: WatchServiceSettings, **options: Any) -> Client:
    return Client(settings.address.input, verify=trusting(settings.tls.ca), **options)


def _memory_problem(folder: Path) -> str | None:
    """A check of `/readyz`: can it be remembered what was sent?"""
    return None if os.access(folder, os.W_OK) else f"{folder} cannot be written"


def _api_problem(settings: WatchServiceSettings) -> str | None:
    """A check of `/readyz`: does the input API answer?"""
    try:
        with _client(settings, timeout_s=_CHECK_S) as api:
            api.health()
    except ClientError as error:
        return str(error)
    return None
