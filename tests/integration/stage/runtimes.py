"""What RQ's own workers do where a stage's runtime is killed, hangs, or lives by another clock.

    python -m tests.integration.stage.runtimes OUT.json

runs the same scenarios on three runtimes: RQ's forking `Worker` and a `SimpleWorker` with a
heartbeat thread, both with the shortest patience that RQ can be given and its own clean-up, and
the one of `facepipe.stage`. docs/adr/0002 is decided by it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.executions import Execution
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from facepipe.queue.job_table import FUNCTIONS
from facepipe.stages import StageName
from tests.integration.stage.conftest import LEASE_S, ROOT, Rig, StageProcess, wait_for
from tests.support.redis_server import RedisServer, find_redis_server
from tests.support.shifted_clock import ShiftedClock

GIVE_UP_S = 75.0
CLOCK_S = 600.0
OURS = "facepipe.stage"


class ForkingWorker(Worker):
    """A process a job; believed dead after the same time as ours."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return LEASE_S


class BeatingWorker(SimpleWorker):
    """The models stay loaded; a thread renews what RQ believes of the job."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return LEASE_S

    def execute_job(self, job: Job, queue: Queue) -> None:
        execution, done = self.prepare_execution(job), threading.Event()
        beat = threading.Thread(target=self._beat, args=(job, execution, done), daemon=True)
        beat.start()
        try:
            self.perform_job(job, queue, execution)
        finally:
            done.set()
            beat.join()

    def _beat(self, job: Job, execution: Execution, done: threading.Event) -> None:
        while not done.wait(LEASE_S / 4):
            with suppress(RedisError):
                self.maintain_heartbeats(job, execution)


RQ_WORKERS: dict[str, type[Worker] | type[SimpleWorker]] = {
    "rq.Worker": ForkingWorker,
    "rq.SimpleWorker and a thread": BeatingWorker,
}


def work_with(runtime: str) -> None:
    """The worker process of a host: RQ's, and its clean-up every second."""
    redis = Redis.from_url(os.environ["FACEPIPE_REDIS_URL"])
    queue = Queue(StageName.LANDMARK, connection=redis, serializer=JSONSerializer)

    # RQ's own scheduler holds a lock that outlives its process by a minute.
    scheduler = RQScheduler([queue], connection=redis, serializer=JSONSerializer)
    scheduler._acquired_locks = {queue.name}

    def clean() -> None:
        while True:
            with suppress(RedisError):
                queue.started_job_registry.cleanup()
                queue.intermediate_queue.cleanup(worker, queue)
                scheduler.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]  # untyped in RQ
            time.sleep(1)

    options: dict[str, Any] = {"connection": redis, "serializer": JSONSerializer}
    if runtime == "rq.Worker":
        options["job_monitoring_interval"] = 1
    worker = RQ_WORKERS[runtime]([queue], **options)
    threading.Thread(target=clean, daemon=True).start()
    worker.work(logging_level="ERROR")


class RqHost:
    """Starts a worker again whenever it has ended, as a container's engine does."""

    def __init__(self, runtime: str, environment: dict[str, str]) -> None:
        command = f"while true; do {sys.executable} -m {__spec__.name} work '{runtime}'; done"
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command], env=environment, cwd=ROOT, start_new_session=True
        )

    def worker_pids(self) -> list[int]:
        return list(_descendants(self.process.pid))

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _descendants(pid: int) -> Iterator[int]:
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            yield int(child)
            yield from _descendants(int(child))


class Hosts:
    """The hosts of one scenario, and what is asked of their queue."""

    def __init__(self, runtime: str, rig: Rig, clock: ShiftedClock) -> None:
        self._runtime, self.rig, self._clock = runtime, rig, clock
        self._started: list[RqHost | StageProcess] = []

    def start(self, *, has_shifted_clock: bool = False) -> RqHost | StageProcess:
        more = self._clock.environment if has_shifted_clock else {}
        known = set(self.rig.redis.smembers("rq:workers"))
        if self._runtime == OURS:
            host: RqHost | StageProcess = self.rig.start_stage(**more)
        else:
            host = RqHost(self._runtime, self.rig._environment | more)
        self._started.append(host)
        wait_for(lambda: set(self.rig.redis.smembers("rq:workers")) - known, 40)
        time.sleep(1)
        return host

    def begin(self, behaviour: str, **options: int) -> str:
        """Queues a job, and waits until somebody is at it."""
        name = f"{int(time.monotonic() * 1000):x}"
        self.rig.enqueue(name, behaviour, **options)
        wait_for(lambda: self.rig.runs_of(name), 20)
        time.sleep(0.5)
        return name

    def close(self) -> None:
        for host in self._started:
            host.kill()


def seconds_until(condition: Callable[[], Any]) -> float | None:
    with suppress(AssertionError):
        return round(wait_for(condition, GIVE_UP_S), 1)
    return None


def killed_worker(hosts: Hosts) -> Any:
    host = hosts.start()
    name = hosts.begin("slow=300,quick", timeout_s=400)
    for pid in host.worker_pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return seconds_until(lambda: hosts.rig.has_result(name))


def dead_host(hosts: Hosts, *, has_shifted_clock: bool = False) -> Any:
    host = hosts.start(has_shifted_clock=has_shifted_clock)
    name = hosts.begin("slow=300,quick", timeout_s=400)
    hosts.start()
    host.kill()
    return seconds_until(lambda: hosts.rig.has_result(name))


def dead_host_whose_clock_was_ahead(hosts: Hosts) -> Any:
    return dead_host(hosts, has_shifted_clock=True)


def runs_beside_a_host_whose_clock_is_ahead(hosts: Hosts) -> Any:
    hosts.start()
    name = hosts.begin(f"slow={3 * LEASE_S}")
    hosts.start(has_shifted_clock=True)
    seconds_until(lambda: hosts.rig.has_result(name))
    time.sleep(2 * LEASE_S)
    return len(hosts.rig.runs_of(name))


def runs_when_redis_is_away_for_longer_than_a_lease(hosts: Hosts) -> Any:
    hosts.start()
    name = hosts.begin(f"slow={4 * LEASE_S}")
    hosts.rig.queues.kill()
    time.sleep(2 * LEASE_S)
    hosts.rig.queues.start()
    seconds_until(lambda: hosts.rig.has_result(name))
    time.sleep(3 * LEASE_S)
    return len(hosts.rig.runs_of(name))


def second_run_after_a_hang_outside_python(hosts: Hosts) -> Any:
    hosts.start()
    name = hosts.begin("hang,quick", timeout_s=3)
    return seconds_until(lambda: hosts.rig.has_result(name))


def told_of_a_job_that_kills_every_worker(hosts: Hosts) -> Any:
    hosts.start()
    name = hosts.begin("die", retries=1)
    seconds_until(
        lambda: hosts.rig.failures_of(name) or not hosts.rig.redis.exists("rq:wip:landmark")
    )
    time.sleep(2 * LEASE_S)
    return [failure.partition(":")[2] for failure in hosts.rig.failures_of(name)]


SCENARIOS: tuple[Callable[[Hosts], Any], ...] = (
    killed_worker,
    dead_host,
    dead_host_whose_clock_was_ahead,
    runs_beside_a_host_whose_clock_is_ahead,
    runs_when_redis_is_away_for_longer_than_a_lease,
    second_run_after_a_hang_outside_python,
    told_of_a_job_that_kills_every_worker,
)


@contextmanager
def new_rig(folder: Path) -> Iterator[Rig]:
    binary = find_redis_server()
    assert binary is not None
    servers = []
    for name in ("queues", "ledger"):
        (folder / name).mkdir()
        servers.append(RedisServer(binary, folder / name))
        servers[-1].start()
    rig = Rig(
        servers[0],
        servers[1],
        {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )
    try:
        yield rig
    finally:
        rig.close()
        for server in servers:
            server.kill()


def measure(runtime: str, scenario: Callable[[Hosts], Any]) -> Any:
    with tempfile.TemporaryDirectory() as name, new_rig(Path(name)) as rig:
        clock = ShiftedClock(Path(name))
        clock.set(CLOCK_S)
        hosts = Hosts(runtime, rig, clock)
        try:
            return scenario(hosts)
        finally:
            hosts.close()


def main() -> None:
    FUNCTIONS[StageName.LANDMARK] = "tests.support.stage_jobs.work"
    os.environ.setdefault("FACEPIPE_ACCESS_TOKEN", secrets.token_urlsafe(32))
    report: dict[str, Any] = {"lease_s": LEASE_S, "gave_up_after_s": GIVE_UP_S}
    for runtime in sys.argv[2:] or (*RQ_WORKERS, OURS):
        report[runtime] = {}
        for scenario in SCENARIOS:
            report[runtime][scenario.__name__] = measure(runtime, scenario)
            print(runtime, scenario.__name__, report[runtime][scenario.__name__], flush=True)
    Path(sys.argv[1]).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work_with(sys.argv[2])
    else:
        main()
