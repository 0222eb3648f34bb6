"""The file for Swarm on a real engine, which is a Swarm of one node meanwhile."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from facepipe.make_secrets import Vault
from facepipe.system.tls import trusting
from facepipe_client import Client
from tests.support.compose_stack import ComposeStack
from tests.support.missing import missing
from tools.paths import ROOT
from tools.stack.certificates import make_certificates
from tools.stack_driver.api import upload_all

STACK = "facepipe-swarm-test"
KEY = "a-key-of-this-test"
SETTINGS = {
    "FACEPIPE_ACCESS_KEYS": f"test:read,write:{hashlib.sha256(KEY.encode()).hexdigest()}",
    "FACEPIPE_VIEWER_KEY": "the-key-of-the-viewer",
    "FACEPIPE_VIEWER_PASSWORD": "the-password-of-the-viewer",  # pragma: allowlist secret
}


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env=os.environ | SETTINGS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def swarm(stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stack on a Swarm, of the images that are built already; the folder of its authority."""
    if docker("info", "--format", "{{.Swarm.LocalNodeState}}") != "inactive":
        missing("the engine is part of a Swarm already")
    stack.compose("stop")
    folder = tmp_path_factory.mktemp("swarm")
    vault = Vault(folder / "secrets")
    vault.share_token()
    vault.share_redis()
    make_certificates(folder / "authority", vault.folder, [])
    docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        for file in vault.folder.glob("*/*"):
            docker("secret", "create", f"{file.parent.name}-{file.name}", str(file))
        docker("node", "update", "--label-add", "facepipe=first", docker("node", "ls", "--quiet"))
        file = ROOT / "deploy/swarm/stack.yml"
        docker("stack", "deploy", "--resolve-image=never", f"--compose-file={file}", STACK)
        yield folder / "authority"
    finally:
        print(docker("stack", "ps", "--no-trunc", STACK, check=False))
        docker("stack", "rm", STACK, check=False)
        wait_gone()
        docker("swarm", "leave", "--force")
        for volume in docker("volume", "ls", "--quiet", f"--filter=name={STACK}_").split():
            docker("volume", "rm", volume, check=False)
        stack.compose("up", "--detach", "--wait")


def wait_gone() -> None:
    """Until no container of the stack is left."""
    mine = f"--filter=label=com.docker.stack.namespace={STACK}"
    deadline = time.monotonic() + 90
    while docker("ps", "--all", "--quiet", mine, check=False) and time.monotonic() < deadline:
        time.sleep(1)


def test_photographs_are_analysed_over_tls(swarm: Path, portraits: list[Path]) -> None:
    transport = httpx.HTTPTransport(verify=trusting(swarm / "ca.crt"), retries=3)
    with Client("https://127.0.0.1:8000", key=KEY, timeout_s=60, transport=transport) as api:
        wait_ready(api)

        ids = upload_all(api, [path.read_bytes() + b"in a swarm" for path in portraits[:4]])
        states = api.wait_all(ids)

        assert {state.status for state in states.values()} == {"stored"}
        stages = api.stats().stages
    assert stages["landmark"].workers >= 2
    assert stages["landmark"].hosts == stages["agegender"].hosts == 1  # the one node


def wait_ready(api: Client) -> None:
    deadline = time.monotonic() + 300
    problems: object = "no answer"
    while time.monotonic() < deadline:
        try:
            if not (problems := api.stats().problems):
                return
        except Exception as error:
            problems = error
        time.sleep(1)
    raise AssertionError(f"not ready: {problems}")
