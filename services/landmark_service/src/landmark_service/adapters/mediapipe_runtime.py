"""MediaPipe 0.10.21, imported quietly and found on disk: the one place that knows how."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

# Both are read when the library is loaded: warnings about its own internals are left out.
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import mediapipe
from mediapipe.python._framework_bindings import resource_util

_MODULES = Path(mediapipe.__file__).parent / "modules"
MESH_FILE = _MODULES / "face_landmark" / "face_landmark_with_attention.tflite"
BLAZEFACE_FILE = _MODULES / "face_detection" / "face_detection_full_range_sparse.tflite"


@cache
def prepare() -> Any:
    """The `mediapipe` package, told where its own models lie. Once per process.

    Without this a graph looks for its models in the working directory.
    """
    resource_util.set_resource_dir(str(Path(mediapipe.__file__).parent.parent))
    return mediapipe
