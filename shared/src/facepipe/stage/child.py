"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from facepipe.domain.analysis import ModelInfo
from facepipe.stage.definition import Stage
from facepipe.stage.leases import Lease, Reason
from facepipe.stage.oom import oom_kills
from facepipe.stage.worker import WorkerConfig
from facepipe.system.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What a worker has in hand; times are those of `time.monotonic`."""

    lease: Lease
    started_at: float
    timeout_s: float


class Child:
    """A worker process and what it has told of itself."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.name = name
        self.job: RunningJob | None = None
        self.is_registered = False
        self.renewed_at = 0.0
        self.loaded_at: float | None = None
        self.models: dict[str, ModelInfo] = {}
        self.ended_jobs = 0
        self.problem = ""
        self.leaving = ""
        self._kill_reason: Reason | None = None
        self._oom_kills = oom_kills()
        self._unread = b""
        self.events_fd, write_fd = os.pipe()
        os.set_blocking(self.events_fd, False)
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", "facepipe.stage.worker", name],
                stdin=subprocess.PIPE,
                pass_fds=[write_fd],
            )
        finally:
            os.close(write_fd)
        self._configure(stage, write_fd)

    def _configure(self, stage: Stage, write_fd: int) -> None:
        config = WorkerConfig(
            service=stage.name,
            name=self.name,
            queue=stage.queue,
            function=stage.kind.function,
            supervisor_pid=os.getpid(),
            events_fd=write_fd,
            settings=stage.settings.model_dump(mode="json", include=set(Settings.model_fields)),
        )
        assert self._process.stdin is not None  # noqa: S101  # it was asked for
        try:
            self._process.stdin.write(config.model_dump_json().encode())
            self._process.stdin.close()
        except BrokenPipeError:
            _log.warning("worker %s died before it was configured", self.name)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def read_events(self) -> list[dict[str, Any]]:
        """What the worker has told since the last time."""
        try:
            while data := os.read(self.events_fd, 65536):
                self._unread += data
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def note(self, event: dict[str, Any]) -> None:
        """Takes in one thing that the worker told."""
        match event["event"]:
            case "loaded":
                self.loaded_at = time.monotonic()
                models = event["models"].items()
                self.models = {part: ModelInfo.model_validate(model) for part, model in models}
            case "started":
                lease = Lease(event["job"], event["execution"])
                self.renewed_at = time.monotonic()
                self.job = RunningJob(lease, self.renewed_at, event["timeout"])
            case "ended":
                self.job = None
                self.ended_jobs += 1
            case "problem":
                self.problem = event["text"]
            case "leaving":
                self.leaving = event["why"]

    def ask_to_stop(self) -> None:
        self._process.terminate()

    def kill(self, reason: Reason) -> None:
        """SIGKILL; `reason` is what its job is given back for."""
        self._kill_reason = reason
        self._process.kill()

    def reap(self) -> tuple[int, Reason]:
        """Closes what is left of a dead worker; its exit code and what its job suffered."""
        os.close(self.events_fd)
        code = self._process.wait()
        if self._kill_reason is not None:
            return code, self._kill_reason
        is_oom = code == -signal.SIGKILL and oom_kills() > self._oom_kills
        return code, Reason.OUT_OF_MEMORY if is_oom else Reason.WORKER_DIED
