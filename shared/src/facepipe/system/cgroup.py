"""Where the limits of this process' control group are written, version 1 or 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def limit_files(
    controller: str,
    v1_name: str,
    v2_name: str,
    root: Path = CGROUP_ROOT,
    membership: Path = MEMBERSHIP,
) -> Iterator[Path]:
    """The files of a limit that exist, from our own group up to the root.

    A limit of any group above ours holds for us too. Inside a container the groups may be
    mounted so that ours is the root; then the path of `membership` leads nowhere and only the
    root is left.

    Args:
        controller: of version 1, e.g. "cpu"; its folder may be named "cpu,cpuacct".
        v1_name: name of the file in version 1.
        v2_name: name of the file in version 2.
        root: where the groups are mounted.
        membership: the file that says which groups we are in.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _upwards(root, path, v2_name)
            yield from _upwards(root / "unified", path, v2_name)
        elif controller in controllers.split(","):
            yield from _upwards(root / controllers, path, v1_name)
            if controllers != controller:
                yield from _upwards(root / controller, path, v1_name)


def _upwards(mount: Path, path: str, name: str) -> Iterator[Path]:
    folder = mount / path.lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(mount):
            return
        if (group / name).is_file():
            yield group / name
