"""What an environment takes of `requirements.lock`: what it declares, and what that needs in turn.

The lock is the one resolution of the project. Its notes (`# via`) say who needs a package, so that
a share is what is reached from the environment's own declaration. For the Dockerfile:
`python -m tools.setup.shares FOLDER "EXTRA..."` prints the share of a service.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.paths import LOCK, ROOT

# What most machines run a model with; the other extras of a service take its place.
DEFAULT_EXTRAS = ("cpu",)
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[([^\]]*)\])?")
_PARENT = re.compile(r"^    #\s+(?:via )?([\w.-]+)$", re.MULTILINE)
_NOTE = re.compile(r"^    #.*\n?", re.MULTILINE)


class BuildError(Exception):
    """A step of building failed; the message says why."""


@dataclass(frozen=True, slots=True)
class Share:
    """What goes into an environment.

    Attributes:
        names: of the packages of others, as declared, in the lock's spelling.
        folders: of our own packages.
    """

    names: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    def __or__(self, other: Share) -> Share:
        folders = dict.fromkeys((*self.folders, *other.folders))
        return Share(self.names | other.names, tuple(folders))

    def text(self) -> str:
        """The lines of the lock that are its own, with hashes.

        Raises:
            BuildError: something is declared that is not in the lock.
        """
        blocks, needs = _graph(LOCK.read_text())
        found: set[str] = set()
        due = set(self.names)
        while due:
            name = due.pop()
            if name not in blocks:
                raise BuildError(f"{name} is not in {LOCK.name}: make lock")
            found.add(name)
            due |= needs.get(name, set()) - found
        return "".join(blocks[name] for name in sorted(found))


NOTHING = Share()


def member_folders() -> list[Path]:
    """The folders of all packages of the project."""
    patterns = ("shared", "clients/*", "services/*", "gradio_viewer")
    files = [f for pattern in patterns for f in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))]
    return [file.parent for file in files]


def of_package(folder: Path, extras: Iterable[str] | None = None) -> Share:
    """What a package needs with these extras; without a word, with the usual one if it has that.

    Raises:
        BuildError: it has no such extra.
    """
    project = _project(folder)["project"]
    offered = project.get("optional-dependencies", {})
    if extras is None:
        extras = [name for name in DEFAULT_EXTRAS if name in offered]
    lines = list(project.get("dependencies", []))
    for extra in extras:
        if extra not in offered:
            raise BuildError(f"{folder.name} has no extra {extra}")
        lines += offered[extra]
    return _of_lines(lines) | Share(folders=(folder,))


def of_group(name: str, folder: Path | None = None) -> Share:
    """What a dependency group of the project, or of one folder, needs; nothing if there is none."""
    return _of_lines(_group(name, folder or ROOT))


def declared() -> list[str]:
    """Every requirement on a package of others in the whole project, sorted."""
    projects = [_project(folder) for folder in (ROOT, *member_folders())]
    lists = [lines for project in projects for lines in _lists(project)]
    lines = {line for lines in lists for line in lines if isinstance(line, str)}
    return sorted(line for line in lines if _parse(line)[0] not in _members())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_lines(lines: Iterable[str]) -> Share:
    share = NOTHING
    for line in lines:
        name, extras = _parse(line)
        own = _members().get(name)
        share |= of_package(own, extras) if own else Share(frozenset({name}))
    return share


def _group(name: str, folder: Path) -> Iterator[str]:
    for line in _project(folder).get("dependency-groups", {}).get(name, []):
        if isinstance(line, str):
            yield line
        else:
            yield from _group(line["include-group"], folder)


def _lists(project: dict[str, Any]) -> Iterator[list[Any]]:
    yield project.get("project", {}).get("dependencies", [])
    yield from project.get("project", {}).get("optional-dependencies", {}).values()
    yield from project.get("dependency-groups", {}).values()


def _graph(lock: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Each package's lines by name, and the names of what each package needs."""
    blocks: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    for block in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]:
        name = canonical(block.partition("==")[0])
        blocks[name] = _NOTE.sub("", block)
        for parent in _PARENT.findall(block):
            needs.setdefault(canonical(parent), set()).add(name)
    return blocks, needs


def _parse(line: str) -> tuple[str, list[str]]:
    """Name and extras of a requirement."""
    match = _REQUIREMENT.match(line)
    if match is None:
        raise BuildError(f"not a requirement: {line}")
    return canonical(match[1]), [e.strip() for e in (match[2] or "").split(",") if e.strip()]


@functools.cache
def _members() -> dict[str, Path]:
    return {canonical(_project(f)["project"]["name"]): f for f in member_folders()}


@functools.cache
def _project(folder: Path) -> dict[str, Any]:
    file = folder / "pyproject.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("extras", nargs="?", default="")
    arguments = parser.parse_args()
    try:
        print(of_package(ROOT / arguments.folder, arguments.extras.split() or None).text(), end="")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
