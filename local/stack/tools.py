"""Verbs that one service does by itself, in its own environment."""

from __future__ import annotations

import os
import subprocess

from local.paths import ROOT, VENVS
from local.stack.configuration import Stack
from local.stack.errors import StackError


def reindex(stack: Stack) -> int:
    """Builds the index of results anew from the files in saved_data."""
    return _run_module(stack, "data_storage_service", "data_storage_service.reindex")


def fetch_deepface(stack: Stack) -> int:
    """Fetches DeepFace's own weights into volumes/models."""
    return _run_module(stack, "agegender_service", "agegender_service.fetch_deepface")


def import_model(stack: Stack) -> int:
    """Exports volumes/models/model.pt to the ONNX file that is served."""
    return _run_module(stack, "landmark_service", "landmark_service.import_model")


def _run_module(stack: Stack, service: str, module: str) -> int:
    python = VENVS / service / "bin" / "python"
    if not python.exists():
        raise StackError(f"the environment of {service} is missing: run `make setup`")
    # Behind whatever uv the user has, ours.
    path = os.pathsep.join([os.environ.get("PATH", ""), str(VENVS / "uv" / "bin")])
    return subprocess.run(
        [str(python), "-m", module], cwd=ROOT, env=stack.environment | {"PATH": path}, check=False
    ).returncode
