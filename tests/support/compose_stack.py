"""The shipped compose file on a real engine, driven from outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from facepipe_client import Client
from tools.paths import ROOT
from tools.stack_driver.api import connect

SHIPPED = (
    "docker-compose.yml",
    "docker-compose.gpu.yml",
    "docker-compose.ultralytics.yml",
    "docker-compose.worker.yml",
    "docker-compose.hosts.yml",
    "docker-compose.scale.yml",
    "docker-compose.bucket.yml",
    ".dockerignore",
    "Dockerfile",
    "requirements.lock",
    "clients",
    "services",
    "shared",
    "gradio_viewer",
    "models",
    "tools",
)


@dataclass(frozen=True)
class ComposeStack:
    """One project of the engine: the shipped files in a folder of their own.

    Attributes:
        files: of the project, where it is not the usual one.
    """

    folder: Path
    project: str
    input_port: int
    viewer_port: int
    files: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, folder: Path) -> ComposeStack:
        """Copies what is shipped, unmodified, so that no volume of the user is touched."""
        for name in SHIPPED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "tests", "*.pt")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy2(source, folder / name)
        (folder / "volumes").mkdir()
        return cls(folder, "facepipe-compose-test", _free_port(), _free_port())

    @cached_property
    def api(self) -> Client:
        """The input API."""
        return connect(f"http://127.0.0.1:{self.input_port}")

    @property
    def viewer(self) -> str:
        return f"http://127.0.0.1:{self.viewer_port}"

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    def compose(self, *arguments: str, timeout_s: float = 900, check: bool = True) -> str:
        """Runs `docker compose ...`; returns what it printed."""
        files = [part for name in self.files for part in ("--file", name)]
        project = ("compose", "--project-name", self.project, *files)
        return self._docker(*project, *arguments, timeout_s=timeout_s, check=check)

    def docker(self, *arguments: str, timeout_s: float = 60) -> str:
        return self._docker(*arguments, timeout_s=timeout_s)

    def containers(self, service: str) -> list[str]:
        """Ids of the running containers of a service."""
        return self.compose("ps", "--quiet", service).split()

    def main_pid(self, container: str) -> int:
        """The container's first process, as the host numbers it; 0 when it is not running."""
        return int(self.docker("inspect", "--format", "{{.State.Pid}}", container))

    def processes(self, container: str) -> list[tuple[int, str]]:
        """`(pid on the host, command line)` of every process in a container."""
        lines = self.docker("top", container, "-eo", "pid,args").splitlines()[1:]
        return [(int(pid), args) for pid, args in (line.split(maxsplit=1) for line in lines)]

    def wait_healthy(self, service: str, timeout_s: float = 120) -> None:
        """Waits until every container of a service is healthy."""
        self._wait_health(service, "healthy", timeout_s)

    def wait_unhealthy(self, service: str, timeout_s: float = 120) -> str:
        """Waits until every container of a service is unhealthy; what its check says."""
        self._wait_health(service, "unhealthy", timeout_s)
        (container, *_) = self.containers(service)
        health = json.loads(self.docker("inspect", "--format", "{{json .State.Health}}", container))
        said: str = health["Log"][-1]["Output"]
        return said

    def _wait_health(self, service: str, wanted: str, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        states: list[str] = []
        while time.monotonic() < deadline:
            containers = self.containers(service)
            states = [
                self.docker("inspect", "--format", "{{.State.Health.Status}}", container).strip()
                for container in containers
            ]
            if states and all(state == wanted for state in states):
                return
            time.sleep(0.5)
        raise AssertionError(f"{service} is not {wanted} after {timeout_s:g} s: {states}")

    def _docker(self, *arguments: str, timeout_s: float, check: bool = True) -> str:
        environment = os.environ | {
            "FACEPIPE_PORT_INPUT": str(self.input_port),
            "FACEPIPE_PORT_VIEWER": str(self.viewer_port),
        }
        done = subprocess.run(
            ["docker", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            tail = (done.stdout + done.stderr)[-4000:]
            raise AssertionError(f"docker {' '.join(arguments)} failed:\n{tail}")
        return done.stdout


def engine_problem() -> str | None:
    """Why there is no engine to test with; None when there is one."""
    if shutil.which("docker") is None:
        return "no docker command"
    done = subprocess.run(
        ["docker", "version"], capture_output=True, text=True, timeout=30, check=False
    )
    return None if done.returncode == 0 else "no Docker engine answers"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
