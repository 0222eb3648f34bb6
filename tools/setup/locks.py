"""`make lock`: resolves what the whole project declares, together, into `requirements.lock`.

Versions that are locked already stay, unless UPGRADE=1. What is pinned, and what a package declares
and does not need, stands in `[tool.uv]` of pyproject.toml.
"""

from __future__ import annotations

import os

from tools.paths import LOCK
from tools.setup.shares import declared
from tools.setup.uv import Uv

_OPTIONS = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
_OPTIONS += ["--generate-hashes", "--no-emit-index-url", "--annotation-style", "split"]
_OPTIONS += ["--custom-compile-command", "make lock"]


def compile_lock(uv: Uv) -> None:
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
    arguments = ["pip", "compile", "--quiet", *_OPTIONS, *upgrade, "-", "-o", LOCK.name]
    uv.run(arguments, stdin="\n".join(declared()))
    print(f"  {LOCK.name}", flush=True)
