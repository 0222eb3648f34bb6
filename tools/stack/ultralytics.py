"""The environment with Ultralytics and PyTorch, built where a setting or a verb asks for it."""

from __future__ import annotations

from pathlib import Path

from tools.paths import VENVS
from tools.setup.environments import Environment, build, ultralytics
from tools.setup.shares import BuildError
from tools.setup.uv import find_uv
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.supported import UnsupportedError, python311

_LANDMARK = "landmark_service"


def python_of(stack: Stack, service: str) -> Path:
    """The Python that a service runs with."""
    if service == _LANDMARK and runs_ultralytics(stack):
        return _environment(stack).python
    return VENVS / service / "bin" / "python"


def runs_ultralytics(stack: Stack) -> bool:
    """Whether faces are to be found by Ultralytics itself."""
    return stack.environment.get("FACEPIPE_DETECTOR_RUNTIME") == "ultralytics"


def build_environment(stack: Stack) -> Path:
    """The environment's Python; built at the first call.

    Raises:
        StackError: it could not be built.
    """
    environment = _environment(stack)
    if not environment.python.exists():
        index = stack.settings.torch.index
        source = f"PyTorch from {index}" if index else "PyTorch with CUDA"
        print(
            f"Ultralytics and {source} go into {environment.folder}: 6 GB with CUDA, 750 MB for "
            "CPUs alone, from an index that FACEPIPE_TORCH_INDEX names",
            flush=True,
        )
    try:
        python = python311()
        build([environment], find_uv(python), python)
    except (BuildError, UnsupportedError) as error:
        raise StackError(str(error)) from error
    return environment.python


def _environment(stack: Stack) -> Environment:
    return ultralytics(stack.settings.torch.index)
