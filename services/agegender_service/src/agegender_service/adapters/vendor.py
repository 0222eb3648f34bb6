"""DeepFace's parts that we use, imported with its way to the network closed.

DeepFace fetches weights by itself, unchecked, when a file is missing. Here a file that is
missing is an error, and gdown, which it imports for that, is not installed.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, NoReturn

from facepipe.domain.errors import ModelNotFoundError


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise ModelNotFoundError(
        "DeepFace wanted to fetch weights by itself; they are fetched by `make fetch-deepface`"
    )


def _without_gdown() -> None:
    stand_in = ModuleType("gdown")
    stand_in.__dict__["download"] = _refuse
    sys.modules.setdefault("gdown", stand_in)


os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
os.environ.setdefault("DEEPFACE_ONNX_PROVIDERS", "cpu")
os.environ.setdefault("DEEPFACE_LOG_LEVEL", "40")  # it prints; errors only
_without_gdown()

from deepface.commons import onnx_utils, weight_utils  # noqa: E402  # reads the environment
from deepface.modules import modeling  # noqa: E402

weight_utils.ensure_source_is_reachable = _refuse


def build_client(model_name: str) -> Any:
    """DeepFace's own client of a facial attribute, from the files under `$DEEPFACE_HOME`.

    `modeling.build_model` keeps one client a process; here each caller gets its own.
    """
    return modeling.get_model_class("facial_attribute", model_name)()


def run_session(session: Any, batch: Any) -> Any:
    """Runs a batch through a session as DeepFace does: channels last, first output."""
    return onnx_utils.run_session(session, batch)
