"""Starting and stopping the supervisor, and asking it how the processes are."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from facepipe.domain.errors import MisconfiguredError
from facepipe.queue.redis_acl import WORKER
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.ports import complaints
from tools.stack.processes import end, marked, supervisord
from tools.stack.redis_server import (
    find_redis_server,
    operator_password,
    render_config,
)
from tools.stack.supervisor_config import render, socket_path

_STOP_S = 60


@dataclass(frozen=True, slots=True)
class ProcessState:
    """How supervisord sees a process."""

    name: str
    state: str  # RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL
    pid: int
    uptime_s: int


def launch(stack: Stack) -> bool:
    """Starts supervisord, and with it every process; False if it runs already.

    Raises:
        StackError: it runs with other settings, a port is taken, or supervisord did not start.
    """
    summary = stack.run / "stack.sha256"
    if supervisord(stack.run) is not None:
        if not summary.exists() or summary.read_text() != stack.summary():
            raise StackError("the stack runs with other settings than these: `make stop` first")
        return False
    left_over = marked(stack.run)
    if left_over:
        print(f"ending {len(left_over)} processes of a stack whose supervisor is gone")
        end(left_over)
    taken = complaints(stack)
    if taken:
        raise StackError("the stack cannot start:\n  " + "\n  ".join(taken))
    config = _write_configuration(stack)
    summary.write_text(stack.summary())
    if stack.is_worker:
        (stack.run / WORKER).touch()
    else:
        (stack.run / WORKER).unlink(missing_ok=True)
    _spawn(stack, config)
    return True


def stop(stack: Stack) -> int:
    """Stops every process of this stack; how many there were.

    Raises:
        StackError: something of ours is still alive.
    """
    count = len(marked(stack.run))
    supervisor = supervisord(stack.run)
    if supervisor is not None:
        supervisor.terminate()
        supervisor.wait(timeout=_STOP_S)
    end(marked(stack.run))
    alive = [f"{p.name()} (process {p.pid})" for p in marked(stack.run)]
    if alive:
        raise StackError("could not be stopped: " + ", ".join(alive))
    return count


def process_states(stack: Stack) -> dict[str, ProcessState]:
    """The state of each process by name; empty when the supervisor does not answer."""
    transport = SupervisorTransport(None, None, f"unix://{socket_path(stack)}")
    try:
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            answer = proxy.supervisor.getAllProcessInfo()
    except (OSError, RpcError):
        return {}
    states: dict[str, ProcessState] = {}
    for row in answer if isinstance(answer, list) else []:
        uptime = row["now"] - row["start"] if row["pid"] else 0
        state = ProcessState(row["name"], row["statename"], row["pid"], uptime)
        states[state.name] = state
    return states


def _write_configuration(stack: Stack) -> Path:
    stack.log_folder.mkdir(parents=True, exist_ok=True)
    for name in ("inbox", "saved_data", "logs", "models", "redis"):
        (stack.volumes / name).mkdir(parents=True, exist_ok=True)
    _make_secrets(stack)
    redis_command: list[str] = []
    if stack.starts_redis:
        redis_config = stack.run / "redis.conf"
        data, users = stack.volumes / "redis", stack.vault.users_of_redis
        redis_config.write_text(
            render_config(stack.port("redis"), data, users, stack.settings.host, stack.settings.tls)
        )
        redis_command = [find_redis_server(), str(redis_config)]
    config = stack.run / "supervisord.conf"
    config.write_text(render(stack, redis_command))
    return config


def _make_secrets(stack: Stack) -> None:
    has_own_token = stack.is_worker or stack.settings.access.token_file is not None
    try:
        if has_own_token:
            _ = stack.inside_token  # it must be there
        else:
            stack.vault.share_token(stack.settings.access.token)
        if stack.starts_redis:
            stack.vault.share_redis(operator_password(stack))
    except (MisconfiguredError, OSError) as error:
        raise StackError(f"the secrets of the stack cannot be made: {error}") from error


def _spawn(stack: Stack, config: Path) -> None:
    program = str(Path(sys.executable).with_name("supervisord"))
    output = (stack.log_folder / "supervisord.out").open("w")
    with output:
        process = subprocess.Popen(
            [program, "-c", str(config)],
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    for _ in range(100):
        if process_states(stack):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    said = (stack.log_folder / "supervisord.out").read_text()[-2000:]
    raise StackError(f"supervisord did not start:\n{said}")
