"""A volume that is full, or read-only: nothing is half accepted, and nothing is lost."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.input.bench import Bench, open_bench, photograph
from tests.support.missing import missing

_FULL_BYTES = 2 * 2**20


class SmallVolume:
    """A small volume in a mount namespace of its own, which every user may have.

    A shell lives in the namespace and does there what it is told; everybody else reaches the
    volume through the root folder of that shell. It ends with the shell.
    """

    def __init__(self, folder: Path) -> None:
        flags = "-m" if os.geteuid() == 0 else "-Urm"
        self._shell = subprocess.Popen(
            ["unshare", flags, "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.folder = Path(f"/proc/{self._shell.pid}/root{folder}")
        self.mount("-t", "tmpfs", "-o", f"size={_FULL_BYTES}", "tmpfs")

    def mount(self, *options: str) -> None:
        """Runs `mount` on the volume. Raises OSError, with what it said."""
        command = shlex.join(["mount", *options, self.folder.as_posix().partition("/root")[2]])
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with suppress(BrokenPipeError):  # the shell could not begin, and says why
            print(f"{command}; echo done $?", file=self._shell.stdin, flush=True)
        said: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("done "):
                if line != "done 0\n":
                    break
                return
            said.append(line.strip())
        raise OSError(" ".join(said))

    def end(self) -> None:
        self._shell.communicate()


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


def test_a_read_only_volume_is_unavailable(bench: Bench, small: SmallVolume) -> None:
    small.mount("-o", "remount,bind,ro")
    try:
        answer = bench.send(photograph(3))
    finally:
        small.mount("-o", "remount,bind,rw")

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
