"""The gRPC stubs, from shared/proto."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.paths import SHARED

_PROTO = SHARED / "proto"
_TARGET = SHARED / "src"


def stubs() -> dict[Path, str]:
    """Each generated file and its contents."""
    with tempfile.TemporaryDirectory() as folder:
        _compile(Path(folder))
        return {_TARGET / path.relative_to(folder): path.read_text() for path in _python(folder)}


def _compile(folder: Path) -> None:
    sources = sorted(str(path) for path in _PROTO.rglob("*.proto"))
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{_PROTO}", *outputs, *sources]
    subprocess.run(command, check=True)


def _python(folder: str) -> Iterator[Path]:
    for pattern in ("*.py", "*.pyi"):
        yield from sorted(Path(folder).rglob(pattern))
