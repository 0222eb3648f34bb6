"""Looks at the folder: what the system tells of at once, and all of it now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from watchfiles import watch

from facepipe.files.formats import SUFFIXES
from facepipe.web.visible import visible
from facepipe_client.folders import files_in, has_suffix, is_hidden
from watch_service.memory import Memory, Outcome, Stamp
from watch_service.sender import Sender
from watch_service.settings import WatchSection
from watch_service.settling import Settling

_WAKE_MS = 500
_AWAY_S = 5.0

_log = logging.getLogger(__name__)
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # counts events


class Watcher:
    """Brings new and changed photographs of a folder to the sender, once they are complete."""

    def __init__(self, root: Path, settings: WatchSection, memory: Memory, sender: Sender) -> None:
        self._root = root
        self._settings = settings
        self._memory = memory
        self._sender = sender
        self._settling = Settling(settings.settle_s)
        self._next_look = 0.0
        self._told = ""

    def run(self, stop: threading.Event) -> None:
        """Watches until it is told to stop."""
        while not stop.is_set():
            if not self._root.is_dir():  # e.g. a disk that is not plugged in
                stop.wait(_AWAY_S)
                continue
            try:
                for changed in _changes(self._root, stop):
                    self._turn(changed, stop)
                    if not self._root.is_dir():
                        break
            except (OSError, RuntimeError) as error:
                # Too many folders for the system, or a name that watchfiles cannot read.
                if str(error) != self._told:
                    _log.warning("changes are not told, the whole folder is looked at: %s", error)
                self._told = str(error)
                if isinstance(error, RuntimeError):
                    self._next_look = 0.0
                self._turn((), stop)
                stop.wait(self._settings.settle_s)

    def _turn(self, changed: Iterable[Path], stop: threading.Event) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            changed = files_in(self._root)
            self._next_look = now + self._settings.look_every_s
        for path in changed:
            for file in files_in(path) if path.is_dir() else [path]:  # a folder moved here
                self._see(file, now)
        self._sender.add(self._settling.complete(now))
        turn_ends = now + self._settings.settle_s
        while not stop.is_set() and self._sender.pause_s() == 0 and time.monotonic() < turn_ends:
            self._sender.send_next()

    def _see(self, path: Path, now: float) -> None:
        if is_hidden(path, self._root) or path in self._sender:
            return
        try:
            stamp = Stamp.of(path)
            if not path.is_file() or self._memory.is_done(path, stamp):
                return
        except OSError:
            return
        if has_suffix(path, SUFFIXES):
            self._settling.see(path, stamp, now)
        else:
            self._memory.note(path, stamp, Outcome.LEFT_OUT)
            name = visible(str(path.relative_to(self._root)))
            _log.info("%s: left out: its name is none of a photograph", name)


def _changes(root: Path, stop: threading.Event) -> Iterator[set[Path]]:
    """Files that changed, every half second, also when there are none."""
    told = watch(
        root,
        watch_filter=None,
        stop_event=stop,
        rust_timeout=_WAKE_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    for changes in told:
        yield {Path(name) for _, name in changes}
