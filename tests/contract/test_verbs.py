"""The Makefile explains itself."""

from __future__ import annotations

import re
import subprocess

from tools.paths import ROOT


def test_help_has_a_line_for_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: ((?:[^\\\n]|\\\n)+)$", makefile, re.MULTILINE)
    assert declared

    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    shown = re.findall(r"\x1b\[36m(\S+) *\x1b\[0m \S+", printed.stdout)
    assert sorted(shown) == sorted(declared[1].replace("\\\n", " ").split())
