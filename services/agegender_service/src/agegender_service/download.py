"""Fetches one large file over HTTP: with progress, resumable, never in place by half.

What has arrived is kept in `<file>.part`; `<file>.part.json` says of which version it is (the
server's ETag or date), so that halves of two versions are never joined. The server is asked
for the rest with `Range` and `If-Range`; one that cannot do that sends all of it again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from facepipe.domain.errors import ServiceUnavailableError, StorageFullError

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and those there will be, None if that is not known."""

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0)
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class BrokenOffError(Exception):
    """The connection ended before the file did; the rest can be asked for."""


class _RefusedError(Exception):
    """This server does not have the file; another may."""


def download(
    urls: Sequence[str],
    part: Path,
    progress: Progress,
    *,
    pauses_s: Sequence[float] = PAUSES_S,
    max_bytes: int = 4 * 2**30,
) -> None:
    """Fetches a file from the first of `urls` that has it, to `part`.

    A connection that breaks off is taken up again where it stopped, after growing pauses; the
    pauses start over when something arrived. The file is synced to disk.

    Raises:
        ServiceUnavailableError: no server gave all of it. What has arrived is kept in `part`,
            and the next call goes on from there.
        StorageFullError: there is no room for it.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
        for url in urls:
            try:
                _persist(client, url, part, progress, pauses_s, max_bytes)
            except (_RefusedError, BrokenOffError, httpx.HTTPError) as error:
                reasons.append(f"{url}: {str(error) or type(error).__name__}")
            else:
                _version_file(part).unlink(missing_ok=True)
                return
    raise ServiceUnavailableError(
        "could not be fetched; run it again to go on from where it stopped.\n  "
        + "\n  ".join(reasons)
    )


def discard(part: Path) -> None:
    """Removes what has arrived."""
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)


def _persist(
    client: httpx.Client,
    url: str,
    part: Path,
    progress: Progress,
    pauses_s: Sequence[float],
    max_bytes: int,
) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            return _attempt(client, url, part, progress, max_bytes)
        except (BrokenOffError, httpx.TransportError):
            failures = 0 if _size(part) > before else failures
            if failures >= len(pauses_s):
                raise
            time.sleep(pauses_s[failures])
            failures += 1


def _attempt(
    client: httpx.Client, url: str, part: Path, progress: Progress, max_bytes: int
) -> None:
    headers = {"Accept-Encoding": "identity"}
    version = _version_of(part)
    if version:
        headers |= {"Range": f"bytes={_size(part)}-", "If-Range": version}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            discard(part)
            raise BrokenOffError("what had arrived is longer than the file; starting over")
        if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise BrokenOffError(f"HTTP {response.status_code}")
        start, total = _extent(response, _size(part))
        if total is not None and total > max_bytes:
            raise _RefusedError(f"{total} bytes are more than it should have ({max_bytes})")
        _check_room(part, total, start)
        if start == 0:
            _note_version(part, response)
        _receive(response, part, start, total, progress, max_bytes)


def _extent(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Where the answer starts in the file, and the size of the whole."""
    if response.status_code == httpx.codes.OK:
        length = response.headers.get("Content-Length")
        return 0, int(length) if length else None
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match and int(match[1]) == have:
            return have, int(match[2])
        raise _RefusedError("it sent another range than was asked for")
    raise _RefusedError(f"HTTP {response.status_code}")


def _receive(
    response: httpx.Response,
    part: Path,
    start: int,
    total: int | None,
    progress: Progress,
    max_bytes: int,
) -> None:
    have = start
    with part.open("ab" if start else "wb") as file:
        try:
            for chunk in response.iter_raw():
                file.write(chunk)
                have += len(chunk)
                if have > max_bytes:
                    raise _RefusedError(f"it sends more than {max_bytes} bytes")
                progress(have, total)
        finally:
            file.flush()
            os.fsync(file.fileno())
    if total is not None and have != total:
        raise BrokenOffError(f"ended after {have} of {total} bytes")


def _check_room(part: Path, total: int | None, start: int) -> None:
    free = shutil.disk_usage(part.parent).free + (_size(part) if start == 0 else 0)
    if total is not None and total - start > free:
        raise StorageFullError(
            f"{part.parent} has {free >> 20} MiB free, {(total - start) >> 20} MiB are needed"
        )


def _note_version(part: Path, response: httpx.Response) -> None:
    """Remembers a validator that `If-Range` takes: a strong ETag, or else the date."""
    tag = response.headers.get("ETag", "")
    version = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    _version_file(part).write_text(json.dumps({"version": version}))


def _version_of(part: Path) -> str:
    """The version of what has arrived; empty when nothing has, or it cannot be told."""
    try:
        return str(json.loads(_version_file(part).read_text())["version"]) if _size(part) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
