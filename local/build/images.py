"""`make image-sizes`: what each image takes on disk, and all of them together."""

from __future__ import annotations

import json
import re
import subprocess

PREFIX = "facepipe/"
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def print_image_sizes() -> int:
    """Prints a table; the exit code. Layers that images share are counted once."""
    answer = subprocess.run(
        ["docker", "system", "df", "--verbose", "--format", "{{json .Images}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        print(answer.stderr.strip() or "docker does not answer")
        return 1
    images = [i for i in json.loads(answer.stdout) if i["Repository"].startswith(PREFIX)]
    if not images:
        print("no image is built; run `make up` or `docker compose build`")
        return 1
    for image in sorted(images, key=lambda i: str(i["Repository"])):
        name = f"{image['Repository']}:{image['Tag']}"
        print(f"  {name:36} {size_of(image['Size']) / 1e6:8.0f} MB")
    own = sum(size_of(image["UniqueSize"]) for image in images)
    shared = max(size_of(image["SharedSize"]) for image in images)
    print(f"  {'all of them, shared layers once':36} {(own + shared) / 1e6:8.0f} MB")
    return 0


def size_of(text: str) -> float:
    """Bytes of Docker's way to write sizes.

    >>> size_of("238.7MB")
    238700000.0
    """
    match = re.fullmatch(r"([\d.]+)\s*([kMG]?B)", text)
    if match is None:
        raise ValueError(f"not a size: {text}")
    return float(match[1]) * _UNITS[match[2]]
