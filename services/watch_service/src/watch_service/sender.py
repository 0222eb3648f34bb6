"""Sends complete files one after the other; nothing is lost while the API is away or full."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from pathlib import Path

from prometheus_client import Counter, Gauge

from facepipe.web.visible import visible
from facepipe_client import Client, ClientError, RefusedError
from facepipe_client.folders import image_id_of, send_file
from facepipe_client.patience import Patience
from watch_service.memory import Memory, Outcome, Stamp

_FILES = Counter("facepipe_watch_files", "Files of the watched folder by outcome.", ["outcome"])
_WAITING = Gauge("facepipe_watch_waiting", "Complete files that are not yet sent.")

_log = logging.getLogger(__name__)


class Sender:
    """The files that are due, in their order.

    A file that could not be sent goes to the end of the row, so that none holds up the others;
    the next one is tried after the pause that the API asked for, or growing ones.
    """

    def __init__(self, api: Client, memory: Memory, root: Path) -> None:
        self._api = api
        self._memory = memory
        self._root = root
        self._due: OrderedDict[Path, Stamp] = OrderedDict()
        self._not_before = 0.0
        self._patience = Patience(math.inf)
        self._told = ""
        self._unreadable: set[Path] = set()

    def __contains__(self, path: Path) -> bool:
        return path in self._due

    def add(self, files: dict[Path, Stamp]) -> None:
        self._due.update(files)
        _WAITING.set(len(self._due))

    def pause_s(self) -> float:
        """How long until the next file may be sent; infinite when there is none."""
        return max(0.0, self._not_before - time.monotonic()) if self._due else math.inf

    def send_next(self) -> None:
        """Sends the first file that is due. Raises nothing that a file or the API may cause."""
        path, stamp = self._due.popitem(last=False)
        try:
            self._send(path, stamp)
        except RefusedError as error:
            self._note(path, stamp, Outcome.REFUSED)
            self._say(logging.WARNING, path, f"refused: {error.detail} ({error.code})")
        except ClientError as error:
            self._due[path] = stamp
            self._wait(error)
        except OSError as error:  # gone, or not ours to read: the next look finds it if it is there
            if path not in self._unreadable:
                self._say(logging.WARNING, path, f"cannot be read: {error.strerror}")
            self._unreadable.add(path)
        _WAITING.set(len(self._due))

    def _send(self, path: Path, stamp: Stamp) -> None:
        image_id = image_id_of(path)
        if self._memory.was_taken(image_id):
            self._note(path, stamp, Outcome.KNOWN, image_id)
            return
        sent = send_file(self._api, path, self._root, image_id=image_id)
        if self._told:
            _log.info("the API takes images again")
        self._told, self._patience = "", Patience(math.inf)
        outcome = Outcome.KNOWN if sent.known else Outcome.SENT
        self._note(path, stamp, outcome, sent.image_id)
        self._say(logging.INFO, path, f"{outcome} as {sent.image_id[:12]}")

    def _note(self, path: Path, stamp: Stamp, outcome: Outcome, image_id: str = "") -> None:
        self._memory.note(path, stamp, outcome, image_id)
        _FILES.labels(outcome).inc()

    def _wait(self, error: ClientError) -> None:
        pause_s = self._patience.pause_s(error) or 0.0
        self._not_before = time.monotonic() + pause_s
        if (reason := str(error)) != self._told:
            _log.warning("waiting, %d files are due: %s", len(self._due), reason)
            self._told = reason

    def _say(self, level: int, path: Path, what: str) -> None:
        _log.log(level, "%s: %s", visible(str(path.relative_to(self._root))), what)
