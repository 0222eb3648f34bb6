"""A first host without model stages, and worker hosts that are processes of the same machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from redis import Redis
from redis.exceptions import RedisError

from benchmarks.scale_jobs import SLEEP_VARIABLE
from facepipe.stages import STAGES
from facepipe_client import Client
from facepipe_client.errors import ClientError
from tools.paths import ROOT, VENVS
from tools.stack.configuration import MARK
from tools.stack.processes import command_of, end, marked
from tools.stack.redis_server import find_redis_server
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.process_sizes import name_of

START_TIMEOUT_S = 120.0
_LOOK_S = 0.4  # each look costs the ledger something


@dataclass
class ScaleStack:
    """Redis, ledger and API on one host, and worker hosts that join.

    Attributes:
        local: where ports and folders are.
        settings: of all processes, beside those of the machine.
        redis: as its operator.
    """

    local: LocalStack
    settings: dict[str, str]
    redis: Redis
    _hosts: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def api(self) -> Client:
        return self.local.api

    def set_hosts(self, count: int, sleep_s: float) -> None:
        """So many worker hosts from now on, each with a worker a stage, whose models sleep."""
        self._end(self._hosts)
        wait_until(lambda: self._stage_hosts() == 0)
        self._hosts = [
            self._start(
                [sys.executable, "-m", "benchmarks.scale_host"],
                FACEPIPE_STAGE_HOST=f"host-{number}",
                FACEPIPE_VOLUMES_ROOT=str(self.local.folder / "none"),
                PYTHONPATH=os.pathsep.join([str(_stand_ins(self.local.folder)), str(ROOT)]),
                **{SLEEP_VARIABLE: str(sleep_s)},
            )
            for number in range(1, count + 1)
        ]
        wait_until(lambda: self._stage_hosts() == count)

    def stored(self) -> int:
        """Images so far."""
        return self.api.stats().stored

    def cpu_s(self) -> Counter[str]:
        """CPU seconds since the start, by kind of process."""
        found: Counter[str] = Counter()
        for process in marked(self.local.run_folder):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                found[_name_of(process)] += times.user + times.system  # type: ignore[assignment]  # fractions count as well
        # It writes its title over its environment, and with it the mark.
        cpu = self.redis.info("cpu")
        found["redis-server"] = cpu["used_cpu_user"] + cpu["used_cpu_sys"]
        return found

    def commands(self) -> int:
        """That Redis was asked since its start."""
        return int(self.redis.info("stats")["total_commands_processed"])

    def start_services(self) -> None:
        ports = self.local.port
        port = str(ports("REDIS"))
        data = self.local.folder / "redis"
        data.mkdir()
        options = {"port": port, "bind": "127.0.0.1", "dir": str(data), "save": ""}
        options |= {"appendonly": "yes", "appendfsync": "everysec"}
        flat = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._start([find_redis_server(), *flat])
        wait_until(self.redis.ping)
        for service in ("data_storage_service", "input_service"):
            python = VENVS / service / "bin" / "python"
            self._start([str(python), "-m", service])
        wait_until(lambda: self.api.stats().accepted == 0)

    def stop(self) -> None:
        self._end(self._hosts)
        end(marked(self.local.run_folder))
        with contextlib.suppress(RedisError):
            self.redis.shutdown(nosave=True)

    def _stage_hosts(self) -> int:
        """Hosts whose workers are all ready."""
        stats = self.api.stats()
        services = ("landmark_service", "agegender_service")
        hosts = {stats.stages[name].hosts for name in ("landmark", "agegender")}
        (least, *_) = sorted(hosts)
        is_ready = not any(name in stats.problems for name in services)
        return least if is_ready or not least else -1

    def _start(self, command: list[str], **settings: str) -> subprocess.Popen[bytes]:
        log = self.local.folder / "log"
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.settings | settings,
                stdout=output,
                stderr=output,
            )

    @staticmethod
    def _end(processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)
        processes.clear()


@contextmanager
def scale_stack(folder: Path, database_url: str) -> Iterator[ScaleStack]:
    """Starts the first host.

    Args:
        folder: of its volumes; it may not exist yet.
        database_url: of the ledger; "" for SQLite.
    """
    local = LocalStack.prepare(folder)
    local.run_folder.mkdir(parents=True)
    for name in ("inbox", "saved_data"):
        (local.volumes / name).mkdir(parents=True)
    address = f"127.0.0.1:{local.port('STORE_GRPC')}"
    settings = local.environment | {
        MARK: str(local.run_folder),
        "PYTHONPATH": str(ROOT),
        "FACEPIPE_ACCESS_TOKEN": secrets.token_urlsafe(24),
        "FACEPIPE_REDIS_URL": f"redis://127.0.0.1:{local.port('REDIS')}/0",
        "FACEPIPE_ADDRESS_STORE_GRPC": address,
        "FACEPIPE_ADDRESS_INPUT": f"http://127.0.0.1:{local.port('INPUT')}",
        "FACEPIPE_TELEMETRY_ENABLED": "false",
        "FACEPIPE_STAGE_WORKERS": "1",
        "FACEPIPE_QUEUE_LIMIT": "0",
    }
    if database_url:
        settings["FACEPIPE_STORAGE_DATABASE_URL"] = database_url
    redis = Redis(port=local.port("REDIS"), socket_timeout=5)
    stack = ScaleStack(local, settings, redis)
    try:
        stack.start_services()
        yield stack
    except BaseException:
        print((folder / "log").read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        stack.stop()
        redis.close()


def wait_until(condition: Callable[[], object], within_s: float = START_TIMEOUT_S) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(RedisError, ClientError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s")
        time.sleep(_LOOK_S)


def _stand_ins(folder: Path) -> Path:
    """A folder with the modules that the table of stages names, whose models sleep."""
    for spec in STAGES:
        if spec.part:
            module, _, function = spec.function.rpartition(".")
            package, _, name = module.partition(".")
            place = folder / "stand_ins" / package
            place.mkdir(parents=True, exist_ok=True)
            (place / "__init__.py").touch()
            text = f"from benchmarks.scale_jobs import {function}, load\n"
            (place / f"{name}.py").write_text(text)
    return folder / "stand_ins"


def _name_of(process: psutil.Process) -> str:
    command = command_of(process)
    if "facepipe.stage.worker" not in command and "benchmarks.scale_host" in command:
        return "worker hosts"
    return name_of(process)
