"""Kills processes of a stack at random, and measures how long it takes until they are back."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import httpx
import psutil
from redis import Redis
from redis.exceptions import RedisError

from facepipe.queue.jobs import queue_of
from facepipe.queue.redis_connection import connect_redis
from facepipe.stages import StageName
from tools.stack.processes import command_of
from tools.stack_driver.local_stack import LocalStack, kill

_BACK_S = 120.0
_LOOK_S = 0.1
_AT_WORK_S = 2.0


@dataclass(slots=True)
class Kill:
    """One process that was killed.

    Attributes:
        back_s: until what was killed was ready again; None: never.
        job_s: until the job that it held was at work again, or done; None: it held none.
    """

    kind: str
    at_s: float
    back_s: float | None = None
    job_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Victim:
    """A kind of process. `queue` is that of a worker."""

    find: Callable[[LocalStack], psutil.Process]
    port: str
    queue: str | None = None


def _worker(service: str) -> Callable[[LocalStack], psutil.Process]:
    return lambda stack: stack.workers(service)[0]


def _main(service: str) -> Callable[[LocalStack], psutil.Process]:
    return lambda stack: stack.main_process(service)


_VICTIMS: Mapping[str, _Victim] = {
    "landmark worker": _Victim(_worker("landmark_service"), "LANDMARK", StageName.LANDMARK),
    "agegender worker": _Victim(_worker("agegender_service"), "AGEGENDER", StageName.AGEGENDER),
    "data_storage worker": _Victim(_worker("data_storage_service"), "STORAGE", StageName.STORAGE),
    "data_storage_service": _Victim(_main("data_storage_service"), "STORAGE"),
    "logger_service": _Victim(_main("logger_service"), "LOGGER"),
    "redis": _Victim(_main("redis-server"), "REDIS"),
}


class Killer:
    """Kills one process every few seconds, each kind about as often as the others."""

    def __init__(self, stack: LocalStack, seed: int, pause_s: tuple[float, float]) -> None:
        self._stack = stack
        self._random = random.Random(seed)
        self._pause_s = pause_s
        self._redis = connect_redis(stack.redis, timeout_s=1.0)
        self._observers: list[threading.Thread] = []

    def run(self, seconds: float) -> list[Kill]:
        """Kills for so long; the figures of a kill are complete after `join`."""
        kills: list[Kill] = []
        begin = time.monotonic()
        kinds = self._kinds()
        while True:
            time.sleep(self._random.uniform(*self._pause_s))
            at_s = time.monotonic() - begin
            if at_s > seconds:
                return kills
            kind = next(kinds)
            with contextlib.suppress(psutil.Error, AssertionError, IndexError, OSError):
                process = _VICTIMS[kind].find(self._stack)
                held = self._wait_until_at_work(_VICTIMS[kind].queue)
                kill(process)
                kills.append(Kill(kind, round(at_s, 1)))
                self._observe(kills[-1], process, held)

    def join(self) -> None:
        """Waits until everything that was killed is back."""
        for observer in self._observers:
            observer.join(_BACK_S)

    def _kinds(self) -> Iterator[str]:
        while True:
            kinds = list(_VICTIMS)
            self._random.shuffle(kinds)
            yield from kinds

    def _wait_until_at_work(self, queue: str | None) -> set[str]:
        """The jobs in hand of a stage, as `<job id>:<execution id>`; empty if none comes soon."""
        deadline = time.monotonic() + _AT_WORK_S
        while queue is not None and time.monotonic() < deadline:
            with contextlib.suppress(RedisError):
                if held := _leases(self._redis, queue):
                    return held
            time.sleep(0.005)
        return set()

    def _observe(self, killed: Kill, process: psutil.Process, held: set[str]) -> None:
        observer = threading.Thread(target=self._wait, args=(killed, process, held), daemon=True)
        observer.start()
        self._observers.append(observer)

    def _wait(self, killed: Kill, process: psutil.Process, held: set[str]) -> None:
        begin = time.monotonic()
        victim = _VICTIMS[killed.kind]
        while (elapsed := time.monotonic() - begin) < _BACK_S:
            if killed.back_s is None and not process.is_running() and self._is_ready(victim):
                killed.back_s = round(elapsed, 1)
            if held and killed.job_s is None and self._is_taken_up(victim, held):
                killed.job_s = round(elapsed, 1)
            if killed.back_s is not None and (not held or killed.job_s is not None):
                return
            time.sleep(_LOOK_S)

    def _is_ready(self, victim: _Victim) -> bool:
        if victim.port == "REDIS":
            with contextlib.suppress(RedisError):
                return bool(self._redis.ping())
            return False
        url = f"http://127.0.0.1:{self._stack.port(victim.port)}/readyz"
        try:
            answer = httpx.get(url, timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        # Redis, or the ledger, may be away as well; that is counted where it was killed.
        failing = set() if answer.is_success else set(answer.json().get("checks", {}))
        return answer.is_success or (victim.queue is not None and "workers" not in failing)

    def _is_taken_up(self, victim: _Victim, held: set[str]) -> bool:
        assert victim.queue is not None  # noqa: S101  # workers have one
        try:
            leases = _leases(self._redis, victim.queue)
            if leases & held:
                return False
            jobs = {lease.partition(":")[0] for lease in held}
            at_work = {lease.partition(":")[0] for lease in leases}
            return all(job in at_work or not self._redis.exists(f"rq:job:{job}") for job in jobs)
        except RedisError:
            return False


def rss_mb(stack: LocalStack) -> dict[str, float]:
    """Resident memory of each process of a stack, in MB, by what it is."""
    sizes: dict[str, float] = {}
    for process in stack.processes():
        with contextlib.suppress(psutil.Error):
            command = command_of(process)
            if "facepipe.stage.worker" in command:
                name = f"{command[-1].partition('-')[0].partition('.')[0]} worker"
            elif command[-2:-1] == ["-m"]:
                name = command[-1]
            elif "redis-server" in "".join(command[:1]):
                name = "redis-server"
            else:
                continue
            sizes[name] = round(process.memory_info().rss / 2**20, 1)
    return sizes


def _leases(redis: Redis, queue: str) -> set[str]:
    key = queue_of(queue, redis).started_job_registry.key
    return {entry.decode() for entry in cast(list[bytes], redis.zrange(key, 0, -1))}
