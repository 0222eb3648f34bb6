"""Part of `make chaos`: damaged files of every accepted format through the real API.

A stack of its own is started on free ports. For ten minutes files that were damaged at random are
sent: each is accepted or refused with a reason, within 30 s; every accepted one comes to its end,
no process dies or grows beyond its limit. Each file is given by the seed and its number, both are
in the report: `--seed S --first N --files 1` sends that one again. Exits with 1 on a finding.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx

from facepipe_client import WaitTimeoutError
from input_service.settings import InputSettings
from tools.chaos.mutator import DamagedFile, damaged_file
from tools.paths import ROOT
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.process_sizes import sizes_of

_SENDERS = 3
_ANSWER_S = 30.0
_IN_FLIGHT = 60
_FINISH_S = 900.0
_LOOK_EVERY_S = 2.0
_ALLOWED = (202, 413, 415, 422)
_RESULTS = ROOT / "benchmarks" / "results" / "mutations.json"


@dataclass
class Report:
    """What became of the files; `broken` is empty when all went well."""

    seed: int
    first: int
    files: int = 0
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    slowest: str = ""
    peak_mb: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class _Senders:
    """Sends the files side by side, no faster than the stages get on."""

    def __init__(self, stack: LocalStack, report: Report) -> None:
        self.accepted: dict[str, str] = {}
        self._stack = stack
        self._report = report
        self._answers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._url = f"{stack.api.address}/v1/images"

    def run(self, numbers: Iterator[int], deadline: float) -> None:
        """Until there are no more numbers, or the time is over."""
        with ThreadPoolExecutor(_SENDERS) as pool:
            for _ in pool.map(lambda _: self._send_until(numbers, deadline), range(_SENDERS)):
                pass
        self._report.answers = dict(sorted(self._answers.items()))

    def _send_until(self, numbers: Iterator[int], deadline: float) -> None:
        with httpx.Client(timeout=2 * _ANSWER_S, trust_env=False) as client:
            while time.monotonic() < deadline:
                with self._lock:
                    number = next(numbers, None)
                if number is None:
                    return
                self._send(client, damaged_file(self._report.seed, number))
                self._wait_for_room(number)

    def _send(self, client: httpx.Client, file: DamagedFile) -> None:
        begin = time.monotonic()
        where = f"{file.number} ({file.name})"
        try:
            answer = client.post(self._url, files={"files": (f"{file.number}.bin", file.data)})
        except httpx.HTTPError as error:
            with self._lock:
                self._report.broken.append(f"{where}: no answer, {error!r}")
            return
        seconds = time.monotonic() - begin
        with self._lock:
            self._note(file, where, answer, seconds)

    def _note(self, file: DamagedFile, where: str, answer: httpx.Response, seconds: float) -> None:
        report, body = self._report, answer.json()
        report.files += 1
        code = "accepted" if answer.status_code == httpx.codes.ACCEPTED else body["code"]
        self._answers[f"{answer.status_code} {code}"] += 1
        if answer.status_code == httpx.codes.ACCEPTED:
            self.accepted[body["images"][0]["image_id"]] = where
        elif answer.status_code not in _ALLOWED or not body["detail"]:
            report.broken.append(f"{where}: {answer.status_code} {body}")
        if seconds > _ANSWER_S:
            report.broken.append(f"{where}: answered after {seconds:.0f} s")
        if seconds > report.slowest_s:
            report.slowest_s, report.slowest = round(seconds, 2), where

    def _wait_for_room(self, number: int) -> None:
        if number % 10:
            return
        give_up = time.monotonic() + _FINISH_S
        while self._stack.api.stats().in_flight > _IN_FLIGHT:
            assert time.monotonic() < give_up, "the stages do not get on"  # noqa: S101  # ends the run
            time.sleep(0.5)


class _Lookout:
    """Looks at the processes now and then: who is there, and how large."""

    def __init__(self, stack: LocalStack, report: Report) -> None:
        self._stack, self._report = stack, report
        self._limit_mb = InputSettings().upload.decode_memory_mb
        self._pids = self._look()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Raises AssertionError when the stack is not whole again."""
        self._stop.set()
        self._thread.join(60)
        self._stack.wait_ready()
        now = self._look()
        gone = [name for name, pid in self._pids.items() if now.get(name) != pid]
        self._report.broken += [f"{name} died" for name in gone]
        more = [name for name in self._report.peak_mb if "decoder #" in name]
        self._report.broken += [f"{name}: one decoder is set" for name in more]
        large = {name: mb for name, mb in self._report.peak_mb.items() if mb > self._limit_mb}
        self._report.broken += [f"{name} had {mb:.0f} MB" for name, mb in large.items()]

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._look()

    def _look(self) -> dict[str, int]:
        """The processes by name, but for decoders: they may die of an image, and are renewed."""
        sizes = sizes_of(self._stack)
        for name, size in sizes.items():
            self._report.peak_mb[name] = max(size.rss, self._report.peak_mb.get(name, 0.0))
        return {name: size.pid for name, size in sizes.items() if "decoder" not in name}


def run_mutations(
    stack: LocalStack, seed: int, *, seconds: float = 600, files: int | None = None, first: int = 0
) -> Report:
    """Sends damaged files to a running stack for so many seconds, or so many of them."""
    report = Report(seed, first)
    begin = time.monotonic()
    numbers = itertools.count(first) if files is None else iter(range(first, first + files))
    lookout, senders = _Lookout(stack, report), _Senders(stack, report)
    senders.run(numbers, begin + seconds if files is None else float("inf"))
    try:
        states = stack.api.wait_all(senders.accepted, _FINISH_S)
        report.ended = dict(Counter(state.status for state in states.values()))
        lookout.end()
    except (WaitTimeoutError, AssertionError) as unkept:
        report.broken.append(str(unkept))
    report.seconds = round(time.monotonic() - begin, 1)
    return report


def table(report: Report) -> str:
    """The report for people."""
    lines = [
        f"{report.files} damaged files in {report.seconds:g} s, seed {report.seed}, from number "
        f"{report.first} on",
        *(f"{number:7} x {answer}" for answer, number in report.answers.items()),
        f"of those that were accepted: {report.ended}",
        f"slowest answer {report.slowest_s:g} s: {report.slowest}",
        "peak RSS, MB: " + ", ".join(f"{n} {mb:.0f}" for n, mb in sorted(report.peak_mb.items())),
        *(f"BROKEN: {promise}" for promise in report.broken),
        "promises broken" if report.broken else "every promise was kept",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--files", type=int, help="so many, however long it takes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facepipe-mutations-") as folder:
        stack = LocalStack.prepare(Path(folder))
        try:
            stack.verb("start")
            stack.wait_ready()
            report = run_mutations(
                stack, given.seed, seconds=given.seconds, files=given.files, first=given.first
            )
        finally:
            stack.verb("stop", check=False)
    print(table(report))
    if given.files is None:
        figures = {"cores": os.cpu_count(), **asdict(report)}
        _RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
        print(f"written to {_RESULTS.relative_to(ROOT)}")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
