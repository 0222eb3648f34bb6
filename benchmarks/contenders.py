"""The three ways to analyse photographs that are measured side by side."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, cast

import httpx
import psutil

from benchmarks.costs import Spent, spent_by
from tools.paths import ROOT
from tools.stack_driver.local_stack import LocalStack

_PATIENCE_S = 600.0


class BenchmarkError(Exception):
    """What was to be measured did not happen."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some photographs, done: seconds and CPU seconds of all of them, faces, what a stack spent."""

    wall_s: float
    cpu_s: float
    faces: int
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a process of the bound."""

    seconds: list[float]
    cpu_s: float
    faces: int


class Bound:
    """One process a core, each with one thread a model; see `benchmarks.bound`."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    @classmethod
    @contextmanager
    def started(cls, folder: Path, environment: dict[str, str]) -> Iterator[Self]:
        with ExitStack() as stack:
            processes = [
                stack.enter_context(_program("bound", str(folder / str(core)), environment))
                for core in range(os.cpu_count() or 1)
            ]
            for process in processes:
                if _out(process).readline() != "ready\n":
                    raise BenchmarkError("a process of the bound did not start")
            yield cls(processes)

    def run(self, paths: Sequence[Path]) -> Run:
        """All photographs, shared out evenly."""
        shares = [paths[n :: len(self._processes)] for n in range(len(self._processes))]
        begin = time.perf_counter()
        with ThreadPoolExecutor(len(shares)) as pool:
            answers = list(pool.map(_ask, self._processes, shares))
        wall_s = time.perf_counter() - begin
        cpu_s = sum(one.cpu_s for one in answers)
        return Run(wall_s, cpu_s, sum(one.faces for one in answers))

    def latencies(self, paths: Sequence[Path]) -> list[float]:
        """Seconds for each, one after the other, while the other processes are idle."""
        return _ask(self._processes[0], paths).seconds


class Afternoon:
    """One FastAPI process with all models; see `benchmarks.afternoon`."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        self._address = address
        self._process = process

    @classmethod
    @contextmanager
    def started(cls, environment: dict[str, str]) -> Iterator[Self]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with _program("afternoon", str(port), environment) as process:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    httpx.get(address, trust_env=False)
                    break
                except httpx.HTTPError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise BenchmarkError("the plain FastAPI process did not start") from None
                    time.sleep(0.2)
            yield cls(address, psutil.Process(process.pid))

    def run(self, uploads: Sequence[bytes], senders: int) -> Run:
        def send(data: bytes) -> int:
            url = f"{self._address}/analyse"
            answer = httpx.post(url, content=data, timeout=_PATIENCE_S, trust_env=False)
            return int(answer.raise_for_status().json()["num_faces"])

        before, begin = self._cpu_s(), time.perf_counter()
        with ThreadPoolExecutor(senders) as pool:
            faces = sum(pool.map(send, uploads))
        return Run(time.perf_counter() - begin, self._cpu_s() - before, faces)

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


class Whole:
    """The stack as `make start` runs it."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack

    def run(self, uploads: Sequence[bytes], senders: int) -> Run:
        before, begin = spent_by(self.stack), time.perf_counter()
        with ThreadPoolExecutor(senders) as pool:
            faces = sum(pool.map(self._send, uploads))
        wall_s = time.perf_counter() - begin
        spent = spent_by(self.stack) - before
        return Run(wall_s, spent.cpu_s.total(), faces, spent)

    def latencies(self, uploads: Sequence[bytes]) -> list[float]:
        """Seconds from sending to having the result, one after the other."""
        seconds: list[float] = []
        for data in uploads:
            begin = time.perf_counter()
            self._send(data)
            seconds.append(time.perf_counter() - begin)
        return seconds

    def _send(self, data: bytes) -> int:
        accepted = self.stack.api.upload(data, wait_s=240)
        if accepted.result is None or accepted.result.status != "stored":
            raise BenchmarkError(f"a photograph was not analysed: {accepted}")
        return accepted.result.num_faces


@contextmanager
def _program(
    name: str, argument: str, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", f"benchmarks.{name}", argument]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(process: subprocess.Popen[str], paths: Sequence[Path]) -> Answer:
    into = cast("IO[str]", process.stdin)
    into.write(json.dumps([str(path) for path in paths]) + "\n")
    into.flush()
    return Answer(**json.loads(_out(process).readline()))


def _out(process: subprocess.Popen[str]) -> IO[str]:
    return cast("IO[str]", process.stdout)
