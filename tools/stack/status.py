"""`make status`: how each process is, its workers, and what waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
from redis.exceptions import RedisError

from facepipe.queue.job_table import FUNCTIONS
from facepipe.queue.jobs import queue_of
from facepipe.queue.redis_connection import connect_redis, shown_address
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.readiness import not_ready
from tools.stack.supervision import ProcessState, process_states
from tools.stack.supervisor_config import REDIS

_WORKERS = re.compile(r'^facepipe_stage_workers\{.*state="(\w+)"\} ([\d.]+)$', re.MULTILINE)
_QUEUES = {function.partition(".")[0]: queue for queue, function in FUNCTIONS.items()}
"""The queue of each service that has one."""


def print_status(stack: Stack) -> int:
    """Prints a line for each process, and what is not ready and why; 0 when everything is."""
    states, missing, waiting = process_states(stack), not_ready(stack), _queue_lengths(stack)
    rows = [("service", "process", "ready", "workers", "waiting", "address")]
    for name, address in _addresses(stack):
        queue = _QUEUES.get(name)
        rows.append(
            (
                name,
                _process(states.get(name)),
                "no" if name in missing else "yes",
                _workers(stack, address) if queue else "",
                str(waiting.get(queue, "?")) if queue else "",
                address,
            )
        )
    for row in rows:
        print("{:21} {:18} {:6} {:9} {:8} {}".format(*row))
    if models := _models(stack):
        print(f"models in use: {', '.join(models)}")
    for name, reason in missing.items():
        print(f"{name} is not ready: {reason}")
    return 1 if missing else 0


def _addresses(stack: Stack) -> Iterator[tuple[str, str]]:
    yield REDIS, shown_address(stack.redis.url)
    for service in stack.services:
        yield service.name, stack.address(service)


def _process(state: ProcessState | None) -> str:
    if state is None:
        return "not started"
    if state.state != "RUNNING":
        return state.state.lower()
    minutes, seconds = divmod(state.uptime_s, 60)
    return f"{state.pid}, up {minutes}:{seconds:02}"


def _models(stack: Stack) -> list[str]:
    """`detector facepipe-yolov8n-face`, as the stages that are ready tell it."""
    found: list[str] = []
    for address in (
        stack.address(service) for service in stack.services if service.name in _QUEUES
    ):
        try:
            ready = _get(stack, f"{address}/readyz").json()
        except (httpx.HTTPError, ValueError):
            continue
        found += [f"{part} {model['name']}" for part, model in ready.get("models", {}).items()]
    return found


def _workers(stack: Stack, address: str) -> str:
    """`2 idle, 1 busy`, as the stage's metrics tell it."""
    try:
        headers = stack.inside_token.headers
        text = _get(stack, f"{address}/metrics", headers).text
    except (httpx.HTTPError, StackError):
        return "?"
    counts = {state: int(float(number)) for state, number in _WORKERS.findall(text)}
    return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none"


def _get(stack: Stack, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=5, trust_env=False, verify=stack.trust)


def _queue_lengths(stack: Stack) -> dict[str, int]:
    redis = connect_redis(stack.redis, timeout_s=1.0)
    try:
        queues = [q for s in stack.services if (q := _QUEUES.get(s.name))]
        return {name: queue_of(name, redis).count for name in queues}
    except RedisError:
        return {}
    finally:
        redis.close()
