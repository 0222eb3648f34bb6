"""Sends hostile files through the real API: `python -m tests.integration.input.hostile`.

Prints what became of each: the status, the code, how long it took.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.integration.input.rig import Rig, open_bench
from tests.support.hostile_images import made_files

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the API answered for one file."""

    name: str
    status: int
    code: str
    is_well_formed: bool
    seconds: float
    decoder_mb: float

    def __str__(self) -> str:
        return (
            f"{self.name[:58]:58} {self.status} {self.code:18} "
            f"{self.seconds:6.2f} s {self.decoder_mb:6.0f} MB"
        )


def hostile_folder() -> Path:
    """The files that others have found to break decoders."""
    data = Path(os.environ.get("FACEPIPE_TEST_DATA") or ROOT.parent / "shared")
    return data / "hostile"


def hostile_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path.name, path.read_bytes()


def send(rig: Rig, name: str, data: bytes) -> Outcome:
    begin = time.perf_counter()
    files = [("files", (name, data, "image/jpeg"))]
    answer = rig.http.post("/v1/images", files=files)
    seconds = time.perf_counter() - begin
    return Outcome(name, *_read(answer), seconds, decoder_mb())


def decoder_mb() -> float:
    """The most that a living decoder has held, MiB."""
    peaks = [0.0]
    for child in psutil.Process().children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                status = Path(f"/proc/{child.pid}/status").read_text()
                peaks.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        except (psutil.Error, OSError, IndexError):
            continue  # it ended meanwhile
    return max(peaks)


def table(outcomes: list[Outcome]) -> str:
    counts = Counter((outcome.status, outcome.code) for outcome in outcomes)
    lines = [str(outcome) for outcome in outcomes]
    lines += ["", f"{len(outcomes)} files"]
    lines += [f"{number:5} x {status} {code}" for (status, code), number in sorted(counts.items())]
    return "\n".join(lines)


def _read(answer: httpx.Response) -> tuple[int, str, bool]:
    body = answer.json()
    if answer.status_code == httpx.codes.ACCEPTED:
        (entry,) = body["images"]
        return 202, str(entry["status"]), len(entry["image_id"]) == 64
    is_problem = answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(body["code"]), is_problem and body["detail"] != ""


def main() -> int:
    files = list(made_files())
    if hostile_folder().is_dir():
        files += hostile_files(hostile_folder())
    else:
        print(f"no folder {hostile_folder()}; set FACEPIPE_TEST_DATA", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, open_bench(Path(folder)) as rig:
        outcomes = [send(rig, name, data) for name, data in files]
    print(table(outcomes))
    return (
        0 if all(outcome.status < httpx.codes.INTERNAL_SERVER_ERROR for outcome in outcomes) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
