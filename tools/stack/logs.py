"""`make logs`: follows the central log, Docker's, or the files when the logger is down."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import httpx

from facepipe.web.visible import visible
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.services import SERVICES

_LOGGER = next(s for s in SERVICES if s.name == "logger_service")


def follow_logs(stack: Stack, image_id: str = "") -> None:
    """Prints log lines as they come, until interrupted."""
    parameters = {"image_id": image_id} if image_id else {}
    try:
        for line in _stream(stack, parameters):
            print(line, flush=True)
    except (httpx.HTTPError, StackError):
        if _runs_in_docker():
            subprocess.run(["docker", "compose", "logs", "--follow", "--tail", "20"], check=False)
            return
        files = [str(path) for path in sorted(stack.log_folder.glob("*.log"))]
        if not files:
            raise StackError("the logger does not answer, and nothing was started yet") from None
        print("the logger does not answer; following what the processes print")
        subprocess.run(["tail", "-n", "20", "-F", *files], check=False)


def _runs_in_docker() -> bool:
    """Whether Compose runs the stack; its logger has no port on this host."""
    if shutil.which("docker") is None:
        return False
    command = ["docker", "compose", "ps", "--quiet"]
    return bool(subprocess.run(command, capture_output=True, check=False).stdout.strip())


def _stream(stack: Stack, parameters: dict[str, str]) -> Iterator[str]:
    with httpx.Client(
        base_url=stack.address(_LOGGER),
        headers=stack.inside_token.headers,
        timeout=httpx.Timeout(5, read=None),
        trust_env=False,
        verify=stack.trust,
    ) as client:
        recent = client.get("/logs", params={**parameters, "limit": "30"}).raise_for_status()
        yield from (_text(line) for line in reversed(recent.json()["lines"]))
        with client.stream("GET", "/logs/stream", params=parameters) as answer:
            for row in answer.raise_for_status().iter_lines():
                if row.startswith("data:"):
                    yield _text(json.loads(row.removeprefix("data:")))


def _text(line: dict[str, object]) -> str:
    image_id = str(line.get("image_id") or "")[:12]
    head = f"{line.get('time', '')}  {line.get('level', ''):7} {line.get('service', ''):20}"
    # Other programs log here too: a terminal must not obey what they say.
    return visible(f"{head} {image_id:12} {line.get('message', '')}")
