"""The lists of services in pyproject.toml, of tools that must be told each of them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tools.paths import ROOT
from tools.setup.environments import service_folders

_PROJECT = ROOT / "pyproject.toml"
_MARK = "  # Services, written by `make format`:\n"
# From the mark to the line that ends with the viewer, which is the last.
_BLOCK = re.compile(re.escape(_MARK) + r'(?:  "[^\n]*\n)*?  "[^\n]*gradio_viewer[^\n]*\n')


def services() -> dict[Path, str]:
    """pyproject.toml with its lists filled anew."""
    return {_PROJECT: filled(_PROJECT.read_text(), service_folders())}


def filled(text: str, folders: list[Path]) -> str:
    """A text whose marked lists name these services: paths where paths stand, else packages."""
    names = " ".join(f'"{folder.name}",' for folder in folders)
    packages = textwrap.indent(textwrap.fill(names, 96), "  ") + "\n"
    sources = [folder.relative_to(ROOT) / "src" for folder in folders]
    paths = "".join(f'  "$MYPY_CONFIG_FILE_DIR/{source}",\n' for source in sources)
    return _BLOCK.sub(lambda block: _MARK + (paths if "/src" in block[0] else packages), text)
