"""`make clean`: what was built goes, what users put in stays."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.paths import ROOT, VENVS

_CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")
_LEFT_ALONE = {".git", ".venvs", "volumes", "run"}


def clean() -> None:
    """Removes environments, caches and `dist/`; `volumes/` and `run/` are left alone."""
    shutil.rmtree(VENVS, ignore_errors=True)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    _remove_caches(ROOT)


def _remove_caches(folder: Path) -> None:
    for child in folder.iterdir():
        if child.is_symlink() or not child.is_dir() or child.name in _LEFT_ALONE:
            continue
        if child.name in _CACHES or child.name.endswith(".egg-info"):
            shutil.rmtree(child, ignore_errors=True)
        else:
            _remove_caches(child)
