"""`make ingest DIR=path`: sends every photograph of a folder, or one file, and can be interrupted.

What the API knows already is not sent again: an image's id is the hash of its bytes, so a
second run over the same folder asks instead of sending. Folders are kept as `folder` of the images.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facepipe.files.formats import SUFFIXES
from facepipe.web.visible import visible
from facepipe_client import FINAL, WITH_RESULT, BusyError, Client, ClientError, NoAnswerError
from facepipe_client.folders import files_in, has_suffix, may_pass, send_file
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.lifecycle import start
from tools.stack.services import SERVICES

_INPUT = next(s for s in SERVICES if s.name == "input_service")
_SENDERS = 4
_TRIES = 8
_POLL_S = 0.5
_BUSY_S = 1.0
_SHOWN = 20
INTERRUPTED = 130


@dataclass
class Tally:
    """What became of the files. Written by the senders and the follower, under its lock."""

    sent: int = 0
    known: int = 0
    finished: int = 0
    is_interrupted: bool = False
    failures: dict[Path, str] = field(default_factory=dict)
    pending: dict[str, Path] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Pace:
    """Makes all senders wait together when the API asks for it."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def wait(self) -> None:
        while (pause := self._not_before - time.monotonic()) > 0:
            time.sleep(pause)

    def slow_down(self, seconds: float) -> None:
        self._not_before = max(self._not_before, time.monotonic() + seconds)


def ingest(stack: Stack, folder: str) -> int:
    """Sends the folder and waits for all results; 0 when every file has one."""
    if not folder:
        raise StackError("which folder or file? make ingest DIR=path")
    given = Path(folder).expanduser()
    if not given.exists():
        raise StackError(f"there is no folder or file {given}")
    root = given if given.is_dir() else given.parent
    photos, skipped = found_in(given)
    if not photos:
        raise StackError(f"there is no photograph in {given}")
    start(stack)
    console = Console(soft_wrap=True)  # whoever reads it through a pipe gets whole lines
    with Client(stack.address(_INPUT), verify=stack.trust) as api, _progress(console) as progress:
        tally = run(api, photos, progress, root)
    _print_summary(console, tally, photos, skipped, root)
    if tally.is_interrupted:
        return INTERRUPTED
    return 1 if tally.failures else 0


def found_in(given: Path) -> tuple[list[Path], list[Path]]:
    """Files whose names say that they are photographs, and others; one file is taken as it is."""
    if given.is_file():
        return [given], []
    files = files_in(given)
    photos = [path for path in files if has_suffix(path, SUFFIXES)]
    return photos, [path for path in files if not has_suffix(path, SUFFIXES)]


def run(api: Client, photos: list[Path], progress: Progress, root: Path | None = None) -> Tally:
    """Sends the photographs side by side while following those that were sent.

    Ctrl-C ends the sending; what was sent is analysed all the same.
    """
    tally, pace = Tally(), Pace()
    sending = progress.add_task("sent", total=len(photos))
    finishing = progress.add_task("finished", total=len(photos))

    def send(photo: Path) -> None:
        if tally.is_interrupted:
            return
        try:
            _send(api, photo, tally, pace, root)
        except (ClientError, OSError) as error:
            with tally.lock:
                tally.failures[photo] = str(error) or type(error).__name__
        progress.advance(sending)

    with ThreadPoolExecutor(_SENDERS) as pool:
        futures = [pool.submit(send, photo) for photo in photos]
        try:
            while True:
                all_sent = all(future.done() for future in futures)
                _follow(api, tally)
                progress.update(finishing, completed=tally.finished + len(tally.failures))
                if all_sent and not tally.pending:
                    return tally
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            tally.is_interrupted = True
            return tally


def _send(api: Client, photo: Path, tally: Tally, pace: Pace, root: Path | None) -> None:
    for attempt in range(1, _TRIES + 1):
        pace.wait()
        try:
            sent = send_file(api, photo, root)
        except ClientError as error:
            if attempt == _TRIES or not may_pass(error):
                raise
            if isinstance(error, BusyError):
                pace.slow_down(error.retry_after_s or _BUSY_S)
            else:
                time.sleep(min(10, 0.5 * 2**attempt))
        else:
            _enter(tally, photo, sent.image_id, known=sent.known)
            return


def _enter(tally: Tally, photo: Path, image_id: str, *, known: bool) -> None:
    with tally.lock:
        tally.known += known
        tally.sent += not known
        if image_id in tally.pending:  # the same photograph under two names
            tally.finished += 1
        else:
            tally.pending[image_id] = photo


def _follow(api: Client, tally: Tally) -> None:
    """Asks once for every image that is on its way."""
    with tally.lock:
        pending = list(tally.pending)
    for image_id in pending:
        try:
            state = api.image(image_id)
        except (NoAnswerError, BusyError):
            return  # the next round asks again
        if state.status not in FINAL:
            continue
        with tally.lock:
            photo = tally.pending.pop(image_id)
            if state.status in WITH_RESULT:
                tally.finished += 1
            else:
                tally.failures[photo] = state.error.message if state.error else state.status


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_summary(
    console: Console, tally: Tally, photos: list[Path], skipped: list[Path], root: Path
) -> None:
    size_mb = sum(photo.stat().st_size for photo in photos if photo.exists()) / 1e6
    console.print(
        f"{_count(len(photos), 'photograph')} ({size_mb:.1f} MB): {tally.sent} sent, "
        f"{tally.known} were known already, {tally.finished} with a result, "
        f"{len(tally.failures)} failed"
    )
    for line in _failure_lines(tally.failures.items(), root):
        console.print(f"  {line}", markup=False, highlight=False)
    if skipped:
        console.print(f"{_count(len(skipped), 'file')} skipped: no names of photographs")
    for path in skipped[:_SHOWN]:
        line = visible(str(path.relative_to(root)))
        console.print(f"  {line}", markup=False, highlight=False)
    if len(skipped) > _SHOWN:
        console.print(f"  and {len(skipped) - _SHOWN} more")
    if tally.is_interrupted:
        left = len(photos) - tally.sent - tally.known - len(tally.failures)
        console.print(
            f"interrupted: {max(0, left)} were not sent, {len(tally.pending)} are being analysed; "
            "the same command goes on"
        )


def _failure_lines(failures: Iterable[tuple[Path, str]], root: Path) -> Iterable[str]:
    found = sorted(failures)
    return (visible(f"{photo.relative_to(root)}: {reason}") for photo, reason in found)
