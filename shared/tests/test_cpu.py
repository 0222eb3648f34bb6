from __future__ import annotations

import os
from pathlib import Path

import pytest

from facepipe.stage.oom import oom_kills
from facepipe.system.cpu import available_cpus, threads_per_worker
from facepipe.system.settings import StageSettings

CORES = float(len(os.sched_getaffinity(0)))


class Groups:
    """A tree of control groups in a folder, and the file that says where we are in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.membership = folder / "self"

    def join(self, *lines: str) -> None:
        self.membership.write_text("".join(line + "\n" for line in lines))

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def cpus(self) -> float:
        return available_cpus(self.root, self.membership)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_version_2_quota_may_be_a_fraction(groups: Groups) -> None:
    groups.join("0::/")
    groups.write("cpu.max", "50000 100000")

    assert groups.cpus() == 0.5


def test_version_2_takes_the_smallest_quota_above_us(groups: Groups) -> None:
    groups.join("0::/pod/container")
    groups.write("pod/cpu.max", "25000 100000")
    groups.write("pod/container/cpu.max", "50000 100000")

    assert groups.cpus() == 0.25


def test_version_2_without_a_limit_is_the_affinity(groups: Groups) -> None:
    groups.join("0::/a")
    groups.write("a/cpu.max", "max 100000")

    assert groups.cpus() == CORES


def test_version_1_quota(groups: Groups) -> None:
    groups.join("5:cpu,cpuacct:/docker/ab", "4:memory:/docker/ab")
    groups.write("cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "75000")
    groups.write("cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000")

    assert groups.cpus() == 0.75


def test_version_1_inside_a_container_where_our_group_is_mounted_as_the_root(
    groups: Groups,
) -> None:
    groups.join("5:cpu,cpuacct:/docker/ab")
    groups.write("cpu/cpu.cfs_quota_us", "40000")
    groups.write("cpu/cpu.cfs_period_us", "100000")

    assert groups.cpus() == 0.4


@pytest.mark.parametrize("quota", ["-1", "nonsense", ""])
def test_version_1_without_a_limit_is_the_affinity(groups: Groups, quota: str) -> None:
    groups.join("1:cpu:/")
    groups.write("cpu/cpu.cfs_quota_us", quota)
    groups.write("cpu/cpu.cfs_period_us", "100000")

    assert groups.cpus() == CORES


def test_no_control_groups_at_all(groups: Groups) -> None:
    assert groups.cpus() == CORES


@pytest.mark.parametrize(
    ("workers", "threads", "cpus", "expected"),
    [(1, 0, 4.0, 4), (2, 0, 5.0, 2), (4, 0, 2.0, 1), (1, 0, 0.5, 1), (2, 3, 1.0, 3)],
)
def test_workers_share_the_quota(workers: int, threads: int, cpus: float, expected: int) -> None:
    settings = StageSettings(workers=workers, threads=threads)

    assert threads_per_worker(settings, cpus) == expected


def test_kills_for_want_of_memory_are_counted(groups: Groups) -> None:
    groups.join("0::/c")
    assert oom_kills(groups.root, groups.membership) == 0
    groups.write("c/memory.events", "low 0\noom 3\noom_kill 2")

    assert oom_kills(groups.root, groups.membership) == 2


def test_version_1_counts_kills_in_another_file(groups: Groups) -> None:
    groups.join("4:memory:/c")
    groups.write("memory/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5")

    assert oom_kills(groups.root, groups.membership) == 5
