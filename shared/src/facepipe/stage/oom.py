"""Whether the kernel killed something of ours for want of memory."""

from __future__ import annotations

from pathlib import Path

from facepipe.system.cgroup import CGROUP_ROOT, MEMBERSHIP, limit_files


def oom_kills(root: Path = CGROUP_ROOT, membership: Path = MEMBERSHIP) -> int:
    """How often the kernel has killed a process of our control group; 0 if it does not say.

    `memory.events` (version 2) and `memory.oom_control` (version 1) count it as `oom_kill`.
    """
    for path in limit_files("memory", "memory.oom_control", "memory.events", root, membership):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.isdecimal():
                return int(count)
    return 0
