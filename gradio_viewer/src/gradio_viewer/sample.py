"""A photograph to try the page with: Eileen Collins by NASA, in the public domain."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

NAME = "astronaut.png"


def sample() -> bytes:
    """The photograph; it lies in the package scikit-image, which is not imported for it.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package scikit-image is missing: run `make setup`")
    return (Path(spec.submodule_search_locations[0]) / "data" / NAME).read_bytes()
