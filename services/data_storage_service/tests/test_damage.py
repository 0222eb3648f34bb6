"""What is found broken or taken is said, and stays as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_storage_service.database import SCHEMA_VERSION, open_index
from data_storage_service.ledger_lock import holding
from data_storage_service.queries import Queries
from data_storage_service.reindex import reindex
from facepipe.domain.errors import LedgerDamagedError, LedgerInUseError
from facepipe.domain.status import Status
from facepipe.files.result_files import ledger_file
from facepipe.ledger.states import ListQuery
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples
from tests.support.redis_server import free_port

# Settings of a service that is not to get as far as its ports and Redis.
_SERVICE = [sys.executable, "-m", "data_storage_service"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the lock's."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.suffix != ".lock"}


def closed_ledger(rig: Rig) -> Path:
    """A ledger with a few results, in one file that nobody has open."""
    for number in range(20):
        rig.stored(number)
    rig.queries._engine.dispose()
    path = rig.ledger_file
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return path


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 1000)


def _no_schema(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3900)


@pytest.mark.parametrize("damage", [_no_database, _no_schema])
def test_a_damaged_ledger_is_refused_and_left_alone(
    rig: Rig, damage: Callable[[Path], None]
) -> None:
    # given a ledger that something has written over
    path = closed_ledger(rig)
    damage(path)
    before = contents(rig.root / "saved_data")

    # when it is opened
    with pytest.raises(LedgerDamagedError, match="make reindex") as caught:
        open_index(path)

    # then it is as it was, and so are the results
    assert caught.value.code == "ledger_damaged"
    assert contents(rig.root / "saved_data") == before

    # and it is built anew from them
    assert reindex(path, rig.files).results == 20
    engine = open_index(path)
    assert Queries(engine).stats().images_by_status == {Status.STORED: 20}
    engine.dispose()


def test_damage_that_is_met_while_it_is_read_is_told(rig: Rig) -> None:
    # given a ledger whose first page is whole and whose others are not
    path = closed_ledger(rig)
    size = path.stat().st_size
    engine = open_index(path)
    engine.dispose()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))

    # when it is read, then the error says what it is, and that it is worth trying again later
    with pytest.raises(LedgerDamagedError) as caught:
        _read(path)
    assert caught.value.transient


def _read(path: Path) -> None:
    engine = open_index(path)
    try:
        Queries(engine).page(ListQuery())
    finally:
        engine.dispose()


def test_one_service_at_a_time_holds_a_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "saved_data" / ".index" / "index.sqlite3"

    with holding(ledger):
        with pytest.raises(LedgerInUseError, match=f"process {os.getpid()} on .* since 20"):
            holding(ledger).__enter__()
        with pytest.raises(LedgerInUseError):  # whoever was refused has taken nothing
            holding(ledger).__enter__()

    with holding(ledger):
        pass


def started(volumes: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
    environment |= {
        "FACEPIPE_VOLUMES_ROOT": str(volumes),
        "FACEPIPE_ACCESS_TOKEN": "a-token-of-these-tests",
        "FACEPIPE_TELEMETRY_ENABLED": "false",
        "FACEPIPE_PORT_STORAGE": str(free_port()),
        "FACEPIPE_PORT_STORE_GRPC": str(free_port()),
    }
    return subprocess.run(
        _SERVICE, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _damaged(ledger: Path) -> None:
    _no_database(ledger)


def _newer(ledger: Path) -> None:
    with sqlite3.connect(ledger) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()


@pytest.mark.parametrize(
    ("change", "code"), [(_damaged, "ledger_damaged"), (_newer, "ledger_too_new")]
)
def test_a_service_that_cannot_use_its_ledger_says_so_in_a_line_and_ends(
    tmp_path: Path, change: Callable[[Path], None], code: str
) -> None:
    ledger = ledger_file(tmp_path / "saved_data")
    open_index(ledger).dispose()
    change(ledger)
    before = contents(tmp_path)

    ended = started(tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        f"data_storage_service does not start: {code}: "
    )
    assert {name: contents(tmp_path)[name] for name in before} == before


def test_a_second_service_on_one_folder_says_who_the_first_is_and_ends(tmp_path: Path) -> None:
    with holding(ledger_file(tmp_path / "saved_data")):
        ended = started(tmp_path)

    assert ended.returncode == 1
    assert f"ledger_in_use: {tmp_path}" in ended.stderr.splitlines()[-1]
    assert f"process {os.getpid()} on" in ended.stderr.splitlines()[-1]
    assert not ledger_file(tmp_path / "saved_data").exists()


def test_a_truncated_result_is_written_over_by_nobody(rig: Rig) -> None:
    # given a stored result of which the end is missing
    image_id = rig.stored(1)
    path = rig.document_file(image_id)
    path.write_bytes(path.read_bytes()[:-100])
    truncated = path.read_bytes()

    # when its job comes once more, and the index is built anew
    rig.store(image_id)
    outcome = reindex(rig.ledger_file, rig.files)

    # then the file is as it was, and the image still counts as stored
    assert path.read_bytes() == truncated
    assert (outcome.results, outcome.kept, outcome.lost) == (0, 1, 0)
    assert rig.state(image_id).status is Status.STORED


def test_a_truncated_result_is_replaced_when_the_image_is_analysed_anew(rig: Rig) -> None:
    image_id = rig.stored(1)
    rig.document_file(image_id).write_text('{"schema_version": 1,')
    rig.inbox.add(image_id, samples.png(1), samples.entry(image_id))
    rig.ledger.register(image_id, samples.info(image_id), samples.START, new_generation=True)
    for stage, part in (
        (StageName.LANDMARK, samples.landmarks()),
        (StageName.AGEGENDER, samples.agegender()),
    ):
        rig.ledger.save_part(samples.run(image_id, stage, generation=2), part)

    assert rig.store(image_id, generation=2)

    assert rig.files.read_document(image_id).generation == 2
