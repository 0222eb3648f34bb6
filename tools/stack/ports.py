"""Whether the ports of the stack are free, and who holds those that are not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import psutil

from tools.stack.configuration import Stack


def wanted_ports(stack: Stack) -> Iterator[tuple[str, str, int]]:
    """Host, field and number of every port that the stack opens."""
    if stack.starts_redis:
        yield "127.0.0.1", "redis", stack.port("redis")
    for service in stack.services:
        host = stack.settings.bind if service.public else stack.settings.host
        for field in service.ports:
            yield host, field, stack.port(field)


def complaints(stack: Stack) -> list[str]:
    """One sentence for each port that cannot be had."""
    found: list[str] = []
    seen: dict[int, str] = {}
    for host, field, port in wanted_ports(stack):
        variable = f"FACEPIPE_PORT_{field.upper()}"
        if port in seen:
            found.append(f"port {port} is given to both {seen[port]} and {variable}")
        elif not is_free(host, port):
            found.append(f"port {port} is taken{_holder(port)}; choose another with {variable}")
        seen[port] = variable
    return found


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _holder(port: int) -> str:
    """` by name (process 123)` where the system tells us, else nothing."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr[1] == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f" by {name} (process {connection.pid})"
    return ""
