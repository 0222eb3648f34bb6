"""The configuration of supervisord, which restarts what dies."""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
from pathlib import Path

from tools.paths import ROOT
from tools.stack.configuration import Stack
from tools.stack.services import Service
from tools.stack.ultralytics import python_of

REDIS = "redis"
# Stopped after the other services, which send it their last lines, and before Redis.
_LATE = "logger_service"
_GROUP = "services"
_VIEWER = "gradio_viewer"
_LONGEST_SOCKET = 100  # a Unix socket's path has at most 107 bytes; supervisord adds a few

_SUPERVISORD = """\
[supervisord]
nodaemon=true
directory={directory}
pidfile={run}/supervisord.pid
logfile={run}/log/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
childlogdir={run}/log
{user}

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command={command}
priority={priority}
autorestart=true
startsecs=1
startretries=1000
stopsignal=TERM
stopwaitsecs={stop_s}
killasgroup=true
redirect_stderr=true
stdout_logfile={run}/log/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
{environment}
"""


def socket_path(stack: Stack) -> Path:
    """Where supervisord is asked; elsewhere than the other files if their path is too long."""
    path = stack.run / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"facepipe-{os.getuid()}-{name}.sock"


def render(stack: Stack, redis_command: list[str]) -> str:
    """The whole supervisord.conf; an empty `redis_command` starts no Redis."""
    head = _SUPERVISORD.format(
        directory=_escape(str(ROOT)),
        run=_escape(str(stack.run)),
        socket=_escape(str(socket_path(stack))),
        user="user=root" if os.getuid() == 0 else "",
    )
    programs = [_service(stack, service) for service in stack.services]
    if redis_command:
        programs.append(_program(stack, REDIS, redis_command, priority=1, stop_s=10))
    # One group is stopped at once; groups are stopped one after the other, highest first.
    names = ",".join(service.name for service in stack.services if service.name != _LATE)
    group = f"\n[group:{_GROUP}]\nprograms={names}\npriority=20\n"
    return head + "".join(programs) + group


def _service(stack: Stack, service: Service) -> str:
    command = [str(python_of(stack, service.name)), "-m", service.name]
    host = stack.settings.bind if service.public else stack.settings.host
    own = {"FACEPIPE_HOST": host} | stack.environment_of(service.name)
    if service.name == _VIEWER:  # it alone enters this folder, and empties it
        own["GRADIO_TEMP_DIR"] = str(stack.run / "uploads")
    pairs = (f'{name}="{_escape(value)}"' for name, value in own.items())
    environment = f"environment={','.join(pairs)}"
    return _program(stack, service.name, command, priority=10, stop_s=30, environment=environment)


def _program(
    stack: Stack,
    name: str,
    command: list[str],
    *,
    priority: int,
    stop_s: int,
    environment: str = "",
) -> str:
    return _PROGRAM.format(
        name=name,
        command=_escape(shlex.join(command)),
        priority=priority,
        stop_s=stop_s,
        run=_escape(str(stack.run)),
        environment=environment,
    )


def _escape(text: str) -> str:
    return text.replace("%", "%%")
