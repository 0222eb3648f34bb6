"""The stack as `make start` runs it, on free ports and with folders of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from facepipe.make_secrets import ACCESS_TOKEN, REDIS, REDIS_PASSWORD, Vault
from facepipe.queue.redis_acl import WATCHER
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import RedisSettings
from facepipe_client import Client
from tools.paths import ROOT, VENVS
from tools.stack.configuration import LocalPorts
from tools.stack.processes import command_of, marked
from tools.stack_driver.api import connect

_PORTS = tuple(name.upper() for name in LocalPorts.model_fields)
_WORKER = re.compile(r"facepipe\.stage\.worker")


@dataclass(frozen=True)
class LocalStack:
    """A stack of the tests' own.

    Attributes:
        folder: with its `volumes` and `run`.
        environment: of the verbs.
        prefix: what stands before their command, e.g. to have them run on another host.
    """

    folder: Path
    environment: dict[str, str]
    prefix: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, folder: Path) -> LocalStack:
        """Chooses ports and folders; starts nothing."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
        environment |= {
            "FACEPIPE_ENV_FILE": os.devnull,
            "FACEPIPE_VOLUMES_ROOT": str(folder / "volumes"),
            "FACEPIPE_RUN_FOLDER": str(folder / "run"),
            "FACEPIPE_START_TIMEOUT_S": "220",  # a machine that runs tests is busy
        }
        with ExitStack() as probes:
            for name in _PORTS:
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", 0))
                environment[f"FACEPIPE_PORT_{name}"] = str(probe.getsockname()[1])
        return cls(folder, environment)

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    @cached_property
    def api(self) -> Client:
        """The input API."""
        return connect(f"http://127.0.0.1:{self.port('INPUT')}")

    @property
    def viewer(self) -> str:
        return f"http://127.0.0.1:{self.port('VIEWER')}"

    @property
    def redis(self) -> RedisSettings:
        """How the operator reaches the Redis of this stack."""
        url = f"redis://127.0.0.1:{self.port('REDIS')}/0"
        return RedisSettings(url=url, password_file=self.vault.path(REDIS, REDIS_PASSWORD))

    @property
    def inside_token(self) -> InsideToken:
        """What the inside ports of this stack ask for."""
        return InsideToken.read("", self.vault.path(WATCHER, ACCESS_TOKEN))

    @property
    def vault(self) -> Vault:
        return Vault(self.run_folder / "secrets")

    def port(self, name: str) -> int:
        return int(self.environment[f"FACEPIPE_PORT_{name}"])

    def open_ports(self) -> list[str]:
        """The ports of ours on which somebody listens."""
        found: list[str] = []
        for name in _PORTS:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port(name))) == 0:
                    found.append(name)
        return found

    def verb(
        self, *arguments: str, timeout_s: float = 240, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs `python -m tools.stack ...`, as the Makefile does."""
        program = str(VENVS / "tools" / "bin" / "python")
        command = [*self.prefix, program, "-m", "tools.stack", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done

    def processes(self) -> list[psutil.Process]:
        """Everything that was started and still lives."""
        return marked(self.run_folder)

    def main_process(self, service: str) -> psutil.Process:
        """The process of a service that supervisord started."""
        for process in self.processes():
            command = command_of(process)
            if command[-2:] == ["-m", service] or Path(*command[:1]).name == service:
                return process
        raise AssertionError(f"{service} does not run")

    def workers(self, service: str) -> list[psutil.Process]:
        """The worker processes of a stage."""
        children = self.main_process(service).children(recursive=True)
        return [c for c in children if _WORKER.search(" ".join(command_of(c)))]

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Waits until `make status` finds nothing amiss."""
        deadline = time.monotonic() + timeout_s
        while (status := self.verb("status", check=False)).returncode != 0:
            assert time.monotonic() < deadline, status.stdout
            time.sleep(0.5)


def kill(process: psutil.Process) -> None:
    """As `kill -9` does it, without a word of warning."""
    os.kill(process.pid, signal.SIGKILL)


def stats(stack: LocalStack) -> dict[str, int]:
    """The numbers of /v1/stats that only grow."""
    found = stack.api.stats()
    return {"accepted": found.accepted, "stored": found.stored, "faces": found.faces}
