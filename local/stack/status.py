"""`make status`: how each process is, its workers, and what waits for it."""

from __future__ import annotations

import re

import httpx
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from facepipe.jobs import QueueName, connect_redis, queue_of
from local.stack.configuration import Stack
from local.stack.readiness import not_ready
from local.stack.services import SERVICES
from local.stack.supervision import ProcessState, process_states

_WORKERS = re.compile(r'^facepipe_stage_workers\{state="(\w+)"\} ([\d.]+)$', re.MULTILINE)
_QUEUES = {
    "landmark_service": QueueName.LANDMARK,
    "agegender_service": QueueName.AGEGENDER,
    "data_storage_service": QueueName.STORAGE,
    "plotter_service": QueueName.PLOTS,
}


def print_status(stack: Stack) -> int:
    """Prints the table; 0 when everything is ready."""
    states, missing, waiting = process_states(stack), not_ready(stack), _queue_lengths(stack)
    table = Table("service", "process", "ready", "workers", "waiting", "address", box=None)
    redis_ready = missing.get("redis", "yes")
    table.add_row("redis", _process(states.get("redis")), redis_ready, "", "", stack.redis_url)
    for service in SERVICES:
        queue = _QUEUES.get(service.name)
        table.add_row(
            service.name,
            _process(states.get(service.name)),
            missing.get(service.name, "yes"),
            _workers(stack.address(service)) if queue else "",
            str(waiting.get(queue, "?")) if queue else "",
            stack.address(service),
        )
    Console().print(table)
    return 1 if missing else 0


def _process(state: ProcessState | None) -> str:
    if state is None:
        return "not started"
    if state.state != "RUNNING":
        return state.state.lower()
    minutes, seconds = divmod(state.uptime_s, 60)
    return f"{state.pid}, up {minutes}:{seconds:02}"


def _workers(address: str) -> str:
    """`2 idle, 1 busy`, as the stage's metrics tell it."""
    try:
        text = httpx.get(f"{address}/metrics", timeout=3, trust_env=False).text
    except httpx.HTTPError:
        return "?"
    counts = {state: int(float(number)) for state, number in _WORKERS.findall(text)}
    return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none"


def _queue_lengths(stack: Stack) -> dict[QueueName, int]:
    redis = connect_redis(stack.redis_url, timeout_s=1.0)
    try:
        return {name: queue_of(name, redis).count for name in QueueName}
    except RedisError:
        return {}
    finally:
        redis.close()
