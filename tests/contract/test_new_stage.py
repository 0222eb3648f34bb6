"""A new stage costs nine files: the recipe in CONTRIBUTING.md is followed in a copy, and works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.new_stage import recipe

ROOT = Path(__file__).parents[2]
MOST_FILES = 9
COPIED = ("shared", "services", "tests", "tools", "clients")


def test_a_stage_is_added_by_touching_nine_files(tmp_path: Path) -> None:
    # Given a copy of the repository
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ROOT.glob("*.*"):
        if file.is_file():
            shutil.copy(file, tmp_path)

    # When a stage is added by the recipe
    touched = recipe.follow(tmp_path)

    # Then few files were touched, and the stage works
    assert len(touched) <= MOST_FILES, touched
    packages = [path for path in tmp_path.glob("*/*/src") if path.is_dir()]
    sources = [tmp_path, tmp_path / "shared" / "src", *packages]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/contract/new_stage/prove.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "3 passed" in run.stdout
