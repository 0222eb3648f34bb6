"""The audit of `make chaos` finds what it looks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from data_storage_service.database import open_index
from facepipe.make_secrets import REDIS, REDIS_PASSWORD, Vault
from facepipe.queue.jobs import ImageJob, enqueue
from facepipe.queue.redis_connection import connect_redis
from facepipe.stages import StageName
from facepipe_client import Client, ImageState, Stats
from tests.support.redis_server import running_redis
from tests.support.scripted_api import state, stats
from tools.chaos.audit import audit
from tools.chaos.load import Watcher
from tools.stack_driver.api import connect
from tools.stack_driver.local_stack import LocalStack

ID = "a" * 64
IMAGE = ImageState.model_validate(state("stored", image_id=ID, num_faces=1))


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    """What a stack leaves that has finished one image; nothing runs but Redis."""
    saved = tmp_path / "volumes" / "saved_data"
    for folder in (saved / "source", tmp_path / "volumes" / "inbox", tmp_path / "redis"):
        folder.mkdir(parents=True)
    open_index(saved / ".index" / "index.sqlite3").dispose()
    (saved / f"{ID}.json").write_text(IMAGE.model_dump_json())
    for name in (f"{ID}.jpg", f"source/{ID}"):
        (saved / name).write_bytes(b"x")
    monkeypatch.setattr(Client, "images", lambda _: iter([IMAGE]))
    vault = Vault(tmp_path / "run" / "secrets")
    vault.keep(vault.path(REDIS, REDIS_PASSWORD), "a password")
    with running_redis(tmp_path / "redis", "a password") as server:
        environment = {"FACEPIPE_PORT_REDIS": str(server.port), "FACEPIPE_PORT_INPUT": "1"}
        yield LocalStack(tmp_path, environment)


def _redis(stack: LocalStack) -> Redis:
    return connect_redis(stack.redis)


def _harm(name: str) -> Callable[[LocalStack], object]:
    def plant(stack: LocalStack) -> None:
        path = stack.volumes / name
        if path.exists():
            path.unlink()
        else:
            path.write_bytes(b"x")

    return plant


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (_harm(f"saved_data/{ID}.json"), "lost: aaaaaaaaaaaa"),
        (_harm(f"saved_data/{ID}.jpg"), "jpg: 1 are missing"),
        (_harm(f"saved_data/source/{'b' * 64}"), "source: 0 are missing, 1 are not"),
        (_harm("saved_data/.abc.tmp"), "temporary file"),
        (_harm(f"inbox/{ID}"), "in the inbox"),
        (lambda stack: _redis(stack).set(f"image:{ID}", b"x"), "orphan key"),
        (lambda stack: enqueue(_redis(stack), ImageJob(StageName.STORAGE, ID, 1)), "unfinished"),
    ],
)
def test_what_is_amiss_is_found(
    stack: LocalStack, harm: Callable[[LocalStack], object], found: str
) -> None:
    assert audit(stack, [ID]).broken == []

    harm(stack)

    assert any(line.startswith(found) for line in audit(stack, [ID]).broken)


def test_an_image_that_the_index_does_not_know_is_lost(stack: LocalStack) -> None:
    assert audit(stack, [ID, "c" * 64]).lost == {"c" * 64}


def test_numbers_that_do_not_add_up_are_found() -> None:
    right, wrong = (
        Stats.model_validate(stats(accepted=accepted, stored=1, failed=1, in_flight=1))
        for accepted in (3, 4)
    )
    with connect("http://127.0.0.1:1") as nobody:
        watcher = Watcher(nobody, Stats.model_validate(stats()))

    watcher._check(right)
    assert watcher.broken == []
    watcher._check(wrong)
    watcher._check(right)

    assert len(watcher.broken) == 2
