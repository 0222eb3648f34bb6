"""`make image-sizes`: what each image takes on disk, and all of them together."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

from tools.setup.shares import BuildError

REFERENCE = "facepipe/*"
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the engine.

    Attributes:
        layers: ids of its layers, the base first.
        layer_bytes: sizes of the layers that are not empty, the base first.
    """

    name: str
    layers: tuple[str, ...]
    layer_bytes: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return sum(self.layer_bytes)


def print_image_sizes() -> int:
    """Prints a table; the exit code.

    Raises:
        BuildError: Docker does not answer.
    """
    format_ = "{{.Repository}}:{{.Tag}}"
    names = _docker("image", "ls", "--filter", f"reference={REFERENCE}", "--format", format_)
    images = [_inspect(name) for name in sorted(names.split())]
    if not images:
        print("no image is built; run `make up` or `docker compose build`")
        return 1
    for image in images:
        print(f"  {image.name:36} {image.bytes / 1e6:8.0f} MB")
    print(f"  {'all of them, their base once':36} {total_bytes(images) / 1e6:8.0f} MB")
    return 0


def total_bytes(images: list[Image]) -> int:
    """What all images take together: the layers that they begin with are there once."""
    shared = len(_common_start([image.layers for image in images]))
    # Empty layers have an id and no entry here, so the sizes have to agree as well.
    base = sum(_common_start([image.layer_bytes for image in images])[:shared])
    return base + sum(image.bytes - base for image in images)


def _common_start(rows: Sequence[Sequence[_Item]]) -> list[_Item]:
    columns = zip(*rows, strict=False)
    return [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]


def _inspect(name: str) -> Image:
    layers = json.loads(_docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", name))
    history = _docker("history", "--human=false", "--format", "{{.Size}}", name)
    sizes = [int(size) for size in history.split() if int(size)]
    return Image(name, tuple(layers), tuple(reversed(sizes)))


def _docker(*arguments: str) -> str:
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BuildError(answer.stderr.strip() or "docker does not answer")
    return answer.stdout
