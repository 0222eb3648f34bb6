"""How many threads a model may use: what the CPU quota gives, shared among the workers.

Libraries that ask the machine for its cores ignore the quota of a container; their threads
then wait for each other. So sessions get an explicit number from here.
"""

from __future__ import annotations

import os
from pathlib import Path

from facepipe.system.cgroup import CGROUP_ROOT, MEMBERSHIP, limit_files
from facepipe.system.settings import StageSettings


def available_cpus(root: Path = CGROUP_ROOT, membership: Path = MEMBERSHIP) -> float:
    """CPUs that this process may use: the smallest quota above it, else its affinity.

    A quota may be a fraction; `cpu.max` of "150000 100000" is 1.5.
    """
    quotas = [
        quota
        for path in limit_files("cpu", "cpu.cfs_quota_us", "cpu.max", root, membership)
        if (quota := _quota(path)) is not None
    ]
    return min([*quotas, float(len(os.sched_getaffinity(0)))])


def threads_per_worker(stage: StageSettings, cpus: float | None = None) -> int:
    """Threads of one worker of a stage, at least 1; a setting of its own goes first."""
    if stage.threads:
        return stage.threads
    return max(1, int((available_cpus() if cpus is None else cpus) / (stage.workers or 1)))


def _quota(path: Path) -> float | None:
    """CPUs that a quota file allows; None where it sets no limit or cannot be read."""
    try:
        if path.name == "cpu.max":
            quota, _, period = path.read_text().strip().partition(" ")
            return None if quota == "max" else int(quota) / int(period or 100_000)
        microseconds = int(path.read_text())
        period_us = int(path.with_name("cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return microseconds / period_us if microseconds > 0 and period_us > 0 else None
