"""Several of each service on one engine, with the ledger in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from facepipe_client import Client
from tests.support.compose_stack import ComposeStack
from tests.support.redis_server import free_port
from tests.support.waiting import wait_until
from tools.stack_driver.api import connect, upload_all

IMAGE = "postgres:15-bookworm"
STAND_IN = Path(__file__).parent / "postgres"
SEVERAL = ("input_service", "data_storage_service", "landmark_service", "agegender_service")


@pytest.fixture(scope="module")
def scaled(stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """A project of its own, of the images that are built already; the usual one rests."""
    _provide_postgres(stack)
    stack.compose("stop")
    prepared = ComposeStack.prepare(tmp_path_factory.mktemp("scale"))
    port = free_port()
    (prepared.folder / ".env").write_text(f"FACEPIPE_PORTS_INPUT={port}-{port + 1}\n")
    files = ("docker-compose.yml", "docker-compose.scale.yml")
    project = replace(prepared, project=f"{stack.project}-scale", input_port=port, files=files)
    try:
        project.compose("up", "--detach", "--wait", timeout_s=600)
        yield project
    finally:
        print(project.compose("ps", "--all", check=False))
        print(project.compose("logs", "--tail", "15", "--no-color", check=False)[-12000:])
        project.compose("down", "--timeout", "5", check=False)
        stack.compose("up", "--detach", "--wait")


def _provide_postgres(stack: ComposeStack) -> None:
    """The image that is there, or that a registry gives; else a stand-in of its name."""
    if stack.docker("images", "--quiet", IMAGE).strip():
        return
    try:
        stack.docker("pull", "--quiet", IMAGE, timeout_s=300)
    except AssertionError:
        stack.docker("build", "--quiet", "--tag", IMAGE, str(STAND_IN), timeout_s=600)


@pytest.fixture
def apis(scaled: ComposeStack) -> Iterator[list[Client]]:
    """Each replica of the API."""
    clients = [connect(f"http://127.0.0.1:{scaled.input_port + number}") for number in (0, 1)]
    yield clients
    for client in clients:
        client.close()


def test_there_are_two_of_each_and_one_ledger(scaled: ComposeStack) -> None:
    for service in SEVERAL:
        assert len(scaled.containers(service)) == 2, service
    (postgres,) = scaled.containers("postgres")
    tables = scaled.docker(
        "exec", postgres, "psql", "-U", "facepipe", "-h", "/var/run/postgresql", "--tuples-only",
        "--command=SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
    )  # fmt: skip
    assert int(tables) > 3
    assert not list(scaled.volumes.glob("saved_data/.index/*.sqlite3"))


def test_what_is_sent_to_one_is_told_by_the_other(apis: list[Client], batch: list[bytes]) -> None:
    one, other = apis
    sent = [upload_all(api, batch[number::2][:5]) for number, api in enumerate(apis)]

    states = other.wait_all(sent[0]) | one.wait_all(sent[1])

    assert {state.status for state in states.values()} == {"stored"}
    assert [api.result(image_id).num_faces for image_id in sent[0] for api in apis]
    stats = [api.stats() for api in apis]
    assert stats[0].stored == stats[1].stored == stats[0].accepted == 10
    for stage in ("landmark", "agegender", "storage"):
        assert stats[0].stages[stage].workers >= 2


def test_work_goes_on_when_one_of_each_is_killed(
    scaled: ComposeStack, apis: list[Client], batch: list[bytes]
) -> None:
    before = apis[1].stats().stored
    gone = [
        scaled.containers(service)[0] for service in ("data_storage_service", "landmark_service")
    ]
    # When they go in the middle of the work
    ids = upload_all(apis[1], batch[10:16])
    for container in gone:
        scaled.docker("kill", container)
    ids += upload_all(apis[1], batch[16:20])

    states = apis[1].wait_all(ids)

    assert {state.status for state in states.values()} == {"stored"}
    wait_until(lambda: apis[1].stats().stored == before + 10, 30)
