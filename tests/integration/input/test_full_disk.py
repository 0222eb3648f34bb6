"""A volume that is full, or read-only: nothing is half accepted, and nothing is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.input.rig import Rig, open_bench, photograph
from tests.support.missing import missing
from tests.support.small_volume import SmallVolume, fill


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallVolume]:
    """The inbox as a small volume of its own."""
    folder = tmp_path_factory.mktemp("input") / "volumes" / "inbox"
    folder.mkdir(parents=True)
    try:
        small = SmallVolume(folder)
    except OSError as error:
        missing(f"no small volume can be mounted here: {error}")
    yield small
    small.end()


@pytest.fixture(scope="module")
def volume(small: SmallVolume) -> Path:
    return small.folder


@pytest.fixture(scope="module")
def rig(volume: Path) -> Iterator[Rig]:
    with open_bench(volume.parent.parent) as rig:
        yield rig


def test_a_full_volume_refuses_and_loses_nothing(rig: Rig, volume: Path) -> None:
    # Given an accepted image and a volume that then fills up
    before = rig.accept(photograph(1))
    files = set(volume.iterdir())
    filler = volume / "filler"
    fill(filler)

    # When another one is sent
    answer = rig.send(photograph(2, (300, 300)))

    # Then it is refused with the time to come again, and leaves no trace
    assert "inbox" in _failing_checks(rig)
    assert answer.status_code == 507
    assert answer.json()["code"] == "storage_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert set(volume.iterdir()) == files | {filler}
    assert rig.http.get("/v1/stats").json()["accepted"] == 1
    # And what was accepted is still there, and accepted work goes on
    assert rig.inbox.read(before) == photograph(1)
    rig.finish(before)
    assert rig.status(before) == "stored"
    # And when there is room again it is taken
    filler.unlink()
    assert rig.send(photograph(2, (300, 300))).status_code == 202


def test_a_read_only_volume_is_unavailable(rig: Rig, small: SmallVolume) -> None:
    small.mount("-o", "remount,bind,ro")
    try:
        answer = rig.send(photograph(3))
        failing = _failing_checks(rig)
    finally:
        small.mount("-o", "remount,bind,rw")

    assert answer.status_code == 503
    assert answer.json()["code"] == "service_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert "Read-only" in failing["inbox"]
    assert rig.send(photograph(3)).status_code == 202
    assert "inbox" not in _failing_checks(rig)


def test_no_room_for_large_calls_on_their_way_is_told_as_well(
    rig: Rig, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a temporary folder with less room than the call takes
    monkeypatch.setattr(tempfile, "tempdir", str(volume))
    files = set(volume.iterdir())

    answer = rig.send(os.urandom(3 * 2**20))

    assert answer.status_code == 507
    assert set(volume.iterdir()) == files


def _failing_checks(rig: Rig) -> dict[str, str]:
    checks: dict[str, str] = rig.http.get("/readyz").json().get("checks", {})
    return checks
