"""A volume that is full, or read-only: nothing is half accepted, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.integration.input.bench import Bench, open_bench, photograph

_FULL_BYTES = 2 * 2**20


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inbox as a small volume of its own."""
    folder = tmp_path_factory.mktemp("input") / "volumes" / "inbox"
    folder.mkdir(parents=True)
    with _mounted(folder):
        yield folder


@pytest.fixture(scope="module")
def bench(volume: Path) -> Iterator[Bench]:
    with open_bench(volume.parent.parent) as bench:
        yield bench


def test_a_full_volume_refuses_and_loses_nothing(bench: Bench, volume: Path) -> None:
    # Given an accepted image and a volume that then fills up
    before = bench.accept(photograph(1))
    files = set(volume.iterdir())
    filler = volume / "filler"
    _fill(filler)

    # When another one is sent
    answer = bench.send(photograph(2, (300, 300)))

    # Then it is refused with the time to come again, and leaves no trace
    assert answer.status_code == 507
    assert answer.json()["code"] == "storage_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert set(volume.iterdir()) == files | {filler}
    assert bench.http.get("/v1/stats").json()["accepted"] == 1
    # And what was accepted is still there, and accepted work goes on
    assert bench.inbox.read(before) == photograph(1)
    bench.finish(before)
    assert bench.status(before) == "stored"
    # And when there is room again it is taken
    filler.unlink()
    assert bench.send(photograph(2, (300, 300))).status_code == 202


def test_a_read_only_volume_is_unavailable(bench: Bench, volume: Path) -> None:
    _run("mount", "-o", "remount,ro", str(volume))
    try:
        answer = bench.send(photograph(3))
    finally:
        _run("mount", "-o", "remount,rw", str(volume))

    assert answer.status_code == 503
    assert answer.json()["code"] == "service_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert bench.send(photograph(3)).status_code == 202


def test_no_room_for_large_calls_on_their_way_is_told_as_well(
    bench: Bench, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a temporary folder with less room than the call takes
    monkeypatch.setattr(tempfile, "tempdir", str(volume))
    files = set(volume.iterdir())

    answer = bench.send(os.urandom(3 * 2**20))

    assert answer.status_code == 507
    assert set(volume.iterdir()) == files


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small volume needs root")
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={_FULL_BYTES}", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small volume can be mounted here: {error}")
    try:
        yield
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
