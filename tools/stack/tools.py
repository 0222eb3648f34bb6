"""Verbs that one service does by itself, in its own environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.paths import ROOT, VENVS
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.ultralytics import build_environment


def reindex(stack: Stack) -> int:
    """Builds the index of results anew from the files in saved_data."""
    return _run_module(stack, "data_storage_service", "data_storage_service.reindex")


def migrate_ledger(stack: Stack) -> int:
    """Carries the ledger over to the PostgreSQL that is named; the stack has to be stopped."""
    return _run_module(stack, "data_storage_service", "data_storage_service.migrate_ledger")


def fetch_deepface(stack: Stack) -> int:
    """Fetches DeepFace's own weights into volumes/models."""
    return _run_module(stack, "agegender_service", "agegender_service.fetch_deepface")


def import_model(stack: Stack) -> int:
    """Exports volumes/models/model.pt to the ONNX file that is served."""
    return _run(stack, build_environment(stack), "landmark_service.import_model")


def _run_module(stack: Stack, service: str, module: str) -> int:
    python = VENVS / service / "bin" / "python"
    if not python.exists():
        raise StackError(f"the environment of {service} is missing: run `make setup`")
    return _run(stack, python, module)


def _run(stack: Stack, python: Path, module: str) -> int:
    command = [str(python), "-m", module]
    environment = stack.environment | stack.environment_of(module.partition(".")[0])
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
