"""The stack that the suite looks at, and what it has sent there.

`FACEPIPE_ACCEPTANCE_STACK` says which one is started: `native` (as `make start` does, the default)
or `compose`. `FACEPIPE_ACCEPTANCE_API` names one that runs already; see docs/operations.md.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.missing import missing
from tests.support.running_stack import RunningStack, Stack
from tools.stack_driver.api import document_of, upload_all
from tools.stack_driver.photos import collage, without_face

Fresh = Callable[[bytes], bytes]


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    running = RunningStack.from_environment()
    if running is not None:
        return running
    name = os.environ.get("FACEPIPE_ACCEPTANCE_STACK", "native")
    started: Stack = request.getfixturevalue(f"{name}_stack")
    return started


@pytest.fixture(scope="session")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """The input API, for whoever looks at answers themselves."""
    with httpx.Client(base_url=stack.api.address, timeout=330, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def fresh(stack: Stack, http: httpx.Client) -> Iterator[Fresh]:
    """Makes of an image one that no stack has seen, each time another.

    An image's pixels stay: a `free` box after the end of a file, as HEIC and AVIF have it, is
    skipped by the decoders of every format. On a stack of somebody else all are deleted at the end.
    """
    made: list[str] = []

    def make(data: bytes) -> bytes:
        salt = secrets.token_bytes(12)
        salted = data + struct.pack(">I4s", 8 + len(salt), b"free") + salt
        made.append(hashlib.sha256(salted).hexdigest())
        return salted

    yield make
    if isinstance(stack, RunningStack):
        for image_id in made:
            http.delete(f"/v1/images/{image_id}")


@dataclass(frozen=True)
class Album:
    """Photographs that were analysed, by image id.

    Attributes:
        portraits: ids in the order of the fixture `portraits`.
        group: nine of them in one photograph, three in a row.
        nobody: a photograph without a face.
        states: of all of them.
        documents: of all of them.
    """

    portraits: list[str]
    group: str
    nobody: str
    states: dict[str, dict[str, Any]]
    documents: dict[str, dict[str, Any]]

    @property
    def ids(self) -> set[str]:
        return set(self.states)


@pytest.fixture(scope="session")
def album(stack: Stack, http: httpx.Client, fresh: Fresh, portraits: list[Path]) -> Album:
    images = [*(path.read_bytes() for path in portraits), collage(portraits[:9]), without_face()]
    ids = upload_all(stack.api, (fresh(image) for image in images))
    ended = stack.api.wait_all(ids)
    assert {state.status for state in ended.values()} == {"stored"}
    states = {image_id: http.get(f"/v1/images/{image_id}").json() for image_id in ids}
    documents = {image_id: document_of(stack.api, image_id) for image_id in ids}
    *faces, group, nobody = ids
    return Album(faces, group, nobody, states, documents)


@pytest.fixture(scope="session")
def viewer(stack: Stack) -> str:
    if stack.viewer is None:
        pytest.skip("FACEPIPE_ACCEPTANCE_VIEWER is not set")
    return stack.viewer


@pytest.fixture(scope="session")
def volumes(stack: Stack) -> Path:
    if stack.volumes is None:
        pytest.skip("FACEPIPE_ACCEPTANCE_VOLUMES is not set")
    if not os.access(stack.volumes / "redis", os.R_OK | os.X_OK):
        missing(f"{stack.volumes} cannot be read by this user")
    return stack.volumes
