"""Waiting until every service can work, and saying who cannot and why."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx

from facepipe.queue.redis_connection import connect_redis, redis_problem, shown_address
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.services import Service
from tools.stack.supervision import process_states

_PAUSE_S = 0.25
_TAIL_LINES = 15
# A process that was started so often within one wait will not come up by waiting longer.
_STARTS_TOO_MANY = 4


def not_ready(stack: Stack) -> dict[str, str]:
    """What is missing, by the name of the process; empty when all can work."""
    missing: dict[str, str] = {}
    with closing(connect_redis(stack.redis, timeout_s=1.0)) as redis:
        if problem := redis_problem(redis):
            missing["redis"] = f"{shown_address(stack.redis.url)}: {problem}"
    with (
        httpx.Client(trust_env=False, timeout=5, verify=stack.trust) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        reasons = pool.map(lambda service: _reason(client, stack, service), stack.services)
        pairs = zip(stack.services, reasons, strict=True)
        missing |= {service.name: reason for service, reason in pairs if reason}
    return missing


def wait_until_ready(stack: Stack) -> float:
    """Waits for all services; how many seconds it took.

    Raises:
        StackError: time is up, or a process ends again and again; with the end of its output.
    """
    start = time.monotonic()
    pids: defaultdict[str, set[int]] = defaultdict(set)
    while True:
        missing = not_ready(stack)
        if not missing:
            return time.monotonic() - start
        for state in process_states(stack).values():
            pids[state.name] |= {state.pid} - {0}
        dying = {n: r for n, r in missing.items() if len(pids[n]) >= _STARTS_TOO_MANY}
        if dying:
            raise StackError(_report(stack, "ends again and again:", dying))
        if time.monotonic() - start > stack.settings.start.timeout_s:
            raise StackError(_report(stack, "not everything came up:", missing))
        time.sleep(_PAUSE_S)


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a file, indented; a sentence when there are none."""
    if not path.exists():
        return "    (it has printed nothing)"
    text = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in text) or "    (it has printed nothing)"


def _reason(client: httpx.Client, stack: Stack, service: Service) -> str:
    try:
        answer = client.get(f"{stack.address(service)}/readyz")
    except httpx.HTTPError as error:
        return f"no answer yet ({type(error).__name__})"
    if answer.status_code == httpx.codes.OK:
        return ""
    try:
        return str(answer.json().get("detail") or answer.text)
    except ValueError:
        return f"HTTP {answer.status_code}"


def _report(stack: Stack, headline: str, missing: dict[str, str]) -> str:
    parts = [headline]
    for name, reason in missing.items():
        log = stack.log_folder / f"{name}.log"
        parts.append(f"\n  {name}: {reason}\n  the end of {log}:\n{tail(log)}")
    parts.append("\nWhat runs goes on running: `make status` shows it, `make stop` ends it.")
    return "\n".join(parts)
