"""The version of each package, from `facepipe.version`."""

from __future__ import annotations

import re
from pathlib import Path

from facepipe.version import VERSION
from tools.paths import ROOT

_PACKAGES = ("shared", "services/*", "gradio_viewer", "clients/*")
_VERSION = re.compile(r'^version = ".*"$', re.MULTILINE)


def versions() -> dict[Path, str]:
    """The pyproject.toml of each package, with the version of the project."""
    paths = [path for pattern in _PACKAGES for path in ROOT.glob(f"{pattern}/pyproject.toml")]
    return {path: _VERSION.sub(f'version = "{VERSION}"', path.read_text()) for path in paths}
